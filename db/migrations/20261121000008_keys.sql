-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- `scopes`: all that a restricted key may do, each as `payments:read`. `rolled_to`: the key that took this one's place.
-- `last_used_at` is written now and then, a minute late at most.
ALTER TABLE api_keys
  ADD COLUMN name text CHECK (length(name) BETWEEN 1 AND 100),
  ADD COLUMN scopes text[],
  ADD COLUMN rolled_to uuid,
  ADD COLUMN last_used_at timestamptz,
  -- squawk-ignore ban-drop-constraint
  DROP CONSTRAINT api_keys_kind_check,
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT api_keys_kind_check CHECK (kind IN ('secret', 'publishable', 'restricted')),
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT api_keys_scopes CHECK (
    CASE WHEN kind = 'restricted' THEN coalesce(cardinality(scopes), 0) > 0 ELSE scopes IS NULL END);

REVOKE DELETE ON api_keys FROM tillgate_app;
