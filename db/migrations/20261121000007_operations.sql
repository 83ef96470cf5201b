-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- What is bought. Payments pay for it, until it is covered; never twice.
CREATE TABLE orders (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  asset text NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'partly_paid', 'paid', 'canceled')),
  paid bigint NOT NULL DEFAULT 0 CHECK (paid >= 0),
  refunded bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  lines json NOT NULL,
  reference text,
  description text,
  metadata json NOT NULL,
  duplicates text NOT NULL CHECK (duplicates IN ('review', 'refund')),
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  paid_at timestamptz,
  canceled_at timestamptz,
  PRIMARY KEY (merchant_id, id),
  CHECK ((status = 'paid') = (paid_at IS NOT NULL AND canceled_at IS NULL)),
  CHECK (paid_at IS NULL OR paid >= amount),
  CHECK ((status = 'canceled') = (canceled_at IS NOT NULL)),
  CHECK (status <> 'partly_paid' OR paid > refunded),
  CHECK (status <> 'open' OR paid <= refunded)
) WITH (fillfactor = 70);

CREATE INDEX orders_by_reference ON orders (merchant_id, reference, id) WHERE reference IS NOT NULL;

-- `to_capture`: what the merchant asked to capture of what is authorized. `resolution`: what a person decided of
-- money in review. `credited`: what of it the payment's order counts as paid.
ALTER TABLE payments
  ADD COLUMN order_id uuid,
  ADD COLUMN to_capture bigint CHECK (to_capture > 0),
  ADD COLUMN cancellation_reason text,
  ADD COLUMN resolution text CHECK (resolution IN ('accepted', 'refused')),
  ADD COLUMN credited bigint NOT NULL DEFAULT 0 CHECK (credited >= 0),
  -- squawk-ignore ban-drop-constraint
  DROP CONSTRAINT payments_check,
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT payments_money CHECK (
    captured = 0 OR status IN ('authorized', 'succeeded', 'review')
    OR (status = 'failed' AND resolution = 'refused')),
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT payments_credited CHECK (credited = 0 OR (order_id IS NOT NULL AND status = 'succeeded'));

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX payments_of_order ON payments (merchant_id, order_id, id) WHERE order_id IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX payments_of_user ON payments (merchant_id, wallet_user, id) WHERE wallet_user IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX payments_by_metadata ON payments USING gin ((metadata::jsonb) jsonb_path_ops)
  WHERE metadata::text <> '{}';

-- `target`: the charge that is captured, voided or refunded. `submissions`: how often it was sent.
ALTER TABLE operations
  ADD COLUMN target text,
  ADD COLUMN submissions integer NOT NULL DEFAULT 0,
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT operations_target CHECK ((kind = 'start') = (target IS NULL)),
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT operations_reserved CHECK (state <> 'reserved' OR due_at IS NOT NULL);

-- Those whose outcome is still wanted, by the id that their idempotency key knows.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operations_asked ON operations (merchant_id, id) WHERE state IN ('reserved', 'submitted', 'unknown');

-- Refunds and disputes are objects of their own. `revision` is the processor's order of what it says of one dispute;
-- `owed`: what of `booked` was taken from receivable, because a floor forbade the rest.
ALTER TABLE processor_objects
  ADD COLUMN parent text,
  ADD COLUMN revision bigint NOT NULL DEFAULT 0,
  ADD COLUMN owed bigint NOT NULL DEFAULT 0,
  -- squawk-ignore ban-drop-constraint
  DROP CONSTRAINT processor_objects_kind_check,
  -- squawk-ignore ban-drop-constraint
  DROP CONSTRAINT processor_objects_state_check,
  -- squawk-ignore ban-drop-constraint
  DROP CONSTRAINT processor_objects_booked_to_check,
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT processor_objects_state_check CHECK (
    (kind = 'charge' AND state IN ('pending', 'processing', 'authorized', 'failed', 'canceled', 'captured'))
    OR (kind = 'refund' AND state IN ('pending', 'canceled', 'succeeded', 'failed'))
    OR (kind = 'dispute' AND state IN ('needs_response', 'under_review', 'lost', 'won'))),
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT processor_objects_booked_to_check
    CHECK (booked_to IN ('suspense', 'merchant', 'wallet', 'disputed', 'clearing')),
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT processor_objects_owed_check CHECK (owed BETWEEN 0 AND booked);

-- What is given back of one charge. Its id is also that of its operation; one that was made at the processor has none.
-- `place`: whose money it is, the account on which `hold_id` sets it aside while it is under way.
CREATE TABLE refunds (
  merchant_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  charge text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  asset text NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed', 'canceled')),
  reason text,
  metadata json NOT NULL,
  place text NOT NULL CHECK (place IN ('suspense', 'merchant', 'wallet')),
  hold_id uuid,
  reference text,
  failure_code text,
  failure_message text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, payment_id, id),
  UNIQUE (merchant_id, id)
) WITH (fillfactor = 70);

-- Money that a payer claims back through the bank. `remind_at`: when the merchant is told that evidence is due.
CREATE TABLE disputes (
  merchant_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  reference text NOT NULL,
  charge text,
  amount bigint NOT NULL CHECK (amount >= 0),
  asset text NOT NULL,
  status text NOT NULL CHECK (status IN ('needs_response', 'under_review', 'lost', 'won')),
  reason text,
  evidence_due_at timestamptz,
  remind_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, payment_id, id),
  UNIQUE (merchant_id, id),
  UNIQUE (merchant_id, connection_id, reference)
) WITH (fillfactor = 70);

CREATE INDEX disputes_due ON disputes (remind_at) WHERE remind_at IS NOT NULL;

-- An open key's wish is committed, and the processor has not answered yet.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idempotency_keys_open ON idempotency_keys (created_at) WHERE state = 'open';

REVOKE DELETE ON orders, refunds, disputes FROM tillgate_app;
