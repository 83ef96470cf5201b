-- name: connection_by_id
SELECT c.merchant_id, c.id, c.connector, c.name, c.state, c.settings, c.credentials, c.assets,
  c.amount_min, c.amount_max, c.amount_policy, c.allowed_networks, m.livemode, m.name AS merchant_name
FROM connections c JOIN merchants m ON m.id = c.merchant_id
WHERE c.id = $1;

-- name: ways
SELECT c.id FROM connections c
WHERE c.merchant_id = $1 AND c.state = 'enabled'
ORDER BY c.priority DESC, c.id LIMIT $2;

-- name: row
SELECT id, connector, name, state, priority, assets, amount_min, amount_max, amount_policy,
  allowed_networks, settings, hints, created_at, updated_at
FROM connections WHERE merchant_id = $1 AND id = $2;

-- name: locked
SELECT id, connector, name, state, priority, assets, amount_min, amount_max, amount_policy,
  allowed_networks, settings, hints, created_at, updated_at, credentials
FROM connections WHERE merchant_id = $1 AND id = $2 FOR NO KEY UPDATE;

-- name: older
SELECT id, connector, name, state, priority, assets, amount_min, amount_max, amount_policy,
  allowed_networks, settings, hints, created_at, updated_at
FROM connections WHERE merchant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3;

-- name: newer
SELECT id, connector, name, state, priority, assets, amount_min, amount_max, amount_policy,
  allowed_networks, settings, hints, created_at, updated_at
FROM connections WHERE merchant_id = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: create
INSERT INTO connections
  (merchant_id, id, connector, name, state, priority, assets, amount_min, amount_max, amount_policy,
   allowed_networks, settings, hints, created_at, updated_at, credentials, environment)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17
WHERE (SELECT count(*) FROM connections WHERE merchant_id = $1) < $18
RETURNING true;

-- name: change
UPDATE connections SET
  name = $3, state = $4, priority = $5, assets = $6, amount_min = $7, amount_max = $8,
  amount_policy = $9, allowed_networks = $10, settings = $11, hints = $12, updated_at = $13,
  credentials = $14
WHERE merchant_id = $1 AND id = $2;

-- name: connection_by_name
SELECT id FROM connections WHERE merchant_id = $1 AND name = $2;

-- name: of_environment
SELECT id FROM connections WHERE merchant_id = $1 AND environment = $2;

-- name: lock_merchant
SELECT m.livemode FROM merchants m WHERE m.id = $1 FOR NO KEY UPDATE;

-- name: default_merchants
-- The merchants of a business: of the one that is meant, else of the only one, or of the demo's. The
-- Test Merchant that everybody has the keys of ($3) is nobody's only one.
SELECT m.id AS merchant_id, m.business_id, m.livemode
FROM merchants m JOIN businesses b ON b.id = m.business_id
WHERE CASE WHEN $1::uuid IS NOT NULL
  THEN m.business_id = (SELECT named.business_id FROM merchants named WHERE named.id = $1)
  ELSE b.id <> $3 AND (b.name = $2 OR (
    SELECT count(*) FROM (SELECT FROM businesses o WHERE o.id <> $3 LIMIT 2) AS two) = 1) END
LIMIT 5;

-- name: merchants_at
SELECT merchant_id FROM connections WHERE connector = 'external' AND name = $1;
