-- name: key_by_digest
SELECT k.merchant_id, k.id, k.kind, m.livemode
FROM api_keys k JOIN merchants m ON m.id = k.merchant_id
WHERE k.digest = $1
  AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > now());

-- name: merchant_by_id
SELECT m.id AS merchant_id, m.name, m.livemode FROM merchants m WHERE m.id = $1;

-- name: create_business
INSERT INTO businesses (id, name, created_at) VALUES ($1, $2, $3);

-- name: create_merchant
INSERT INTO merchants (id, business_id, livemode, name, created_at) VALUES ($1, $2, $3, $4, $5);

-- name: create_key
INSERT INTO api_keys (merchant_id, id, kind, digest, hint, created_at)
VALUES ($1, $2, $3, $4, $5, $6);
