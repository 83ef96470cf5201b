-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- The wish to collect an amount. `amount` is asked; the totals are what processors have proven.
CREATE TABLE payments (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  asset text NOT NULL,
  status text NOT NULL CHECK (status IN (
    'pending', 'processing', 'authorized', 'succeeded', 'failed', 'canceled', 'expired', 'review')),
  capture_method text NOT NULL CHECK (capture_method IN ('automatic', 'manual')),
  authorized bigint NOT NULL DEFAULT 0 CHECK (authorized >= 0),
  captured bigint NOT NULL DEFAULT 0 CHECK (captured >= 0),
  refunded bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  disputed bigint NOT NULL DEFAULT 0 CHECK (disputed >= 0),
  late boolean NOT NULL DEFAULT false,
  review_reason text,
  failure_code text,
  failure_message text,
  description text,
  metadata json NOT NULL,
  connection_id uuid NOT NULL,
  wallet_user text,
  success_url text,
  cancel_url text,
  tries integer NOT NULL DEFAULT 0,
  bookings integer NOT NULL DEFAULT 0,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  succeeded_at timestamptz,
  PRIMARY KEY (merchant_id, id),
  CHECK (captured = 0 OR status IN ('authorized', 'succeeded', 'review')),
  CHECK (status <> 'succeeded' OR (captured > 0 AND succeeded_at IS NOT NULL)),
  CHECK ((status = 'review') = (review_reason IS NOT NULL))
) WITH (fillfactor = 70);

-- What may expire, soonest first. Housekeeping crosses merchants, so no merchant leads here.
CREATE INDEX payments_expiring ON payments (expires_at) WHERE status = 'pending';
CREATE INDEX payments_by_status ON payments (merchant_id, status, id)
  WHERE status IN ('processing', 'authorized', 'review');

-- One attempt at a payment through one connection; one is open at a time.
CREATE TABLE tries (
  merchant_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  ordinal integer NOT NULL CHECK (ordinal > 0),
  connection_id uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'succeeded', 'failed', 'canceled')),
  reference text,
  redirect_url text,
  failure_code text,
  failure_message text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, payment_id, ordinal)
) WITH (fillfactor = 70);

-- One wish towards a processor. Its id is the processor's idempotency key for its whole life, and the rendered
-- request is resent verbatim. `due_at` says when a worker looks at it again; null: nothing left to do.
CREATE TABLE operations (
  merchant_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  id uuid NOT NULL,
  ordinal integer NOT NULL,
  connection_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('start', 'capture', 'void', 'refund')),
  state text NOT NULL CHECK (state IN ('reserved', 'submitted', 'done', 'rejected', 'unknown')),
  amount bigint NOT NULL CHECK (amount > 0),
  asset text NOT NULL,
  request json NOT NULL,
  reference text,
  error text,
  looks integer NOT NULL DEFAULT 0,
  due_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, payment_id, id)
) WITH (fillfactor = 70);

CREATE INDEX operations_due ON operations (due_at) WHERE due_at IS NOT NULL;

-- What a processor calls the payment: our operation's id from the moment of the wish, its own reference
-- from its answer on. A callback finds its payment here, and nowhere else.
CREATE TABLE payment_references (
  merchant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  reference text NOT NULL,
  payment_id uuid NOT NULL,
  PRIMARY KEY (merchant_id, connection_id, reference)
);

-- What callbacks and look-ups have said about one object at the processor, folded: the highest rank wins.
-- `booked` of it stands in the ledger, in the account that `booked_to` names.
CREATE TABLE processor_objects (
  merchant_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('charge')),
  reference text NOT NULL,
  ordinal integer,
  state text NOT NULL CHECK (state IN (
    'pending', 'processing', 'authorized', 'failed', 'canceled', 'captured')),
  amount bigint NOT NULL CHECK (amount >= 0),
  asset text NOT NULL,
  booked bigint NOT NULL DEFAULT 0 CHECK (booked >= 0),
  booked_to text CHECK (booked_to IN ('suspense', 'merchant', 'wallet')),
  failure_code text,
  failure_message text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, payment_id, connection_id, kind, reference),
  CHECK ((booked > 0) = (booked_to IS NOT NULL))
) WITH (fillfactor = 70);

-- A gate: one key, one object. The answer is stored when the engine has decided.
CREATE TABLE idempotency_keys (
  merchant_id uuid NOT NULL,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  digest bytea NOT NULL CHECK (length(digest) = 32),
  object_id uuid,
  state text NOT NULL CHECK (state IN ('open', 'done')),
  status_code smallint NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, key)
);

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
