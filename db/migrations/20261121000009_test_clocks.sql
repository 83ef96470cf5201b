-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- By how much a test merchant has let its due times pass.
CREATE TABLE test_clocks (
  merchant_id uuid NOT NULL REFERENCES merchants (id),
  id uuid NOT NULL,
  name text CHECK (length(name) BETWEEN 1 AND 200),
  advanced_s bigint NOT NULL DEFAULT 0 CHECK (advanced_s >= 0),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, id)
);

-- What the sweep for stuck things looks at, and what has ended badly.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX tries_open ON tries (created_at) WHERE state = 'open';
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operations_unknown ON operations (merchant_id, created_at) WHERE state = 'unknown';
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX refunds_pending ON refunds (updated_at) WHERE status = 'pending';
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX payments_refused ON payments (updated_at) WHERE resolution = 'refused';
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX callbacks_failed ON callbacks (merchant_id, id) WHERE state = 'failed';
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX deliveries_dead ON deliveries (merchant_id, event_id) WHERE state = 'dead';

-- The timeline of one payment.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX events_of_object ON events (merchant_id, object_id, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX callbacks_of_payment ON callbacks (merchant_id, payment_id, id) WHERE payment_id IS NOT NULL;
