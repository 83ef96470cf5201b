-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- `hint`: the charge that a message names without proving anything, to be looked up. `looked_at`: when it was, last.
ALTER TABLE callbacks
  ADD COLUMN hint text,
  ADD COLUMN looked_at timestamptz;

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX callbacks_hints ON callbacks (merchant_id, connection_id, hint) WHERE hint IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX callbacks_of_connection ON callbacks (merchant_id, connection_id, id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX refused_callbacks_by_id ON refused_callbacks (merchant_id, id);

-- `address`: it came from where this connection's processor is not.
ALTER TABLE refused_callbacks
  -- squawk-ignore ban-drop-constraint
  DROP CONSTRAINT refused_callbacks_verdict_check,
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT refused_callbacks_verdict_check
    CHECK (verdict IN ('forged', 'stale', 'unreadable', 'address'));

-- Only what its payer could write ties a nominated charge to its payment: it must be exactly what was asked.
ALTER TABLE processor_objects ADD COLUMN nominated boolean NOT NULL DEFAULT false;
