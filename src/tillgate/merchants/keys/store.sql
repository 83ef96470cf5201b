-- name: key_by_digest
SELECT k.merchant_id, k.id, k.kind, k.scopes, m.livemode
FROM api_keys k JOIN merchants m ON m.id = k.merchant_id
WHERE k.digest = $1
  AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > now());

-- name: key
SELECT id, kind, name, hint, scopes, created_at, expires_at, revoked_at, rolled_to, last_used_at
FROM api_keys WHERE merchant_id = $1 AND id = $2;

-- name: older
SELECT id, kind, name, hint, scopes, created_at, expires_at, revoked_at, rolled_to, last_used_at
FROM api_keys WHERE merchant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3;

-- name: newer
SELECT id, kind, name, hint, scopes, created_at, expires_at, revoked_at, rolled_to, last_used_at
FROM api_keys WHERE merchant_id = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: lock_merchant
-- Changes of a merchant's keys come one after another, so that each sees what the others did.
SELECT m.livemode FROM merchants m WHERE m.id = $1 FOR NO KEY UPDATE;

-- name: count_usable
SELECT count(*) FROM api_keys
WHERE merchant_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2);

-- name: another_secret
-- Whether another secret key still works at $3.
SELECT EXISTS (
  SELECT FROM api_keys
  WHERE merchant_id = $1 AND id <> $2 AND kind = 'secret' AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > $3));

-- name: create_key
INSERT INTO api_keys (merchant_id, id, kind, name, hint, scopes, created_at, expires_at, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: update_key
UPDATE api_keys SET name = $3, scopes = $4 WHERE merchant_id = $1 AND id = $2;

-- name: retire_key
UPDATE api_keys SET expires_at = $3, rolled_to = $4 WHERE merchant_id = $1 AND id = $2;

-- name: revoke_key
UPDATE api_keys SET revoked_at = $3 WHERE merchant_id = $1 AND id = $2;

-- name: named
SELECT id, digest, revoked_at FROM api_keys WHERE merchant_id = $1 AND kind = $2 AND name = $3;

-- name: restore_key
UPDATE api_keys SET revoked_at = NULL WHERE merchant_id = $1 AND id = $2;

-- name: announce
SELECT pg_notify($1, $2);

-- name: note_uses
-- Who holds a row writes it: two processes need not wait for each other.
WITH used AS MATERIALIZED (
  SELECT k.merchant_id, k.id
  FROM unnest($1::uuid[], $2::uuid[]) AS u (merchant_id, id)
  JOIN api_keys k ON k.merchant_id = u.merchant_id AND k.id = u.id
  WHERE k.last_used_at IS NULL OR k.last_used_at < now() - make_interval(secs => $3)
  FOR NO KEY UPDATE OF k SKIP LOCKED
)
UPDATE api_keys k SET last_used_at = now()
FROM used u WHERE k.merchant_id = u.merchant_id AND k.id = u.id;
