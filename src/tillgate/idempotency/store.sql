-- name: enter
-- The unique key is the lock: a second request with the same key waits here for the first one's end.
INSERT INTO idempotency_keys (merchant_id, key, digest, state, status_code, body, created_at)
VALUES ($1, $2, $3, 'open', 0, '', $4)
ON CONFLICT (merchant_id, key) DO UPDATE
SET digest = excluded.digest, state = 'open', status_code = 0, body = '', object_id = NULL,
  created_at = excluded.created_at
WHERE idempotency_keys.created_at < excluded.created_at - $5::interval
RETURNING true;

-- name: found
SELECT digest, status_code, body FROM idempotency_keys WHERE merchant_id = $1 AND key = $2;

-- name: keep
UPDATE idempotency_keys SET state = 'done', status_code = $3, body = $4
WHERE merchant_id = $1 AND key = $2;

-- name: kept
SELECT status_code, body FROM idempotency_keys
WHERE merchant_id = $1 AND key = $2 AND state = 'done' AND created_at > $3;
