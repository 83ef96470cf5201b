-- name: connection_by_id
SELECT c.merchant_id, c.id, c.connector, c.name, c.state, c.settings, c.credentials, m.livemode,
  m.name AS merchant_name
FROM connections c JOIN merchants m ON m.id = c.merchant_id
WHERE c.id = $1;

-- name: default_connection
SELECT c.id FROM connections c
WHERE c.merchant_id = $1 AND c.state = 'enabled'
ORDER BY c.priority DESC, c.id LIMIT 1;

-- name: create_connection
INSERT INTO connections
  (merchant_id, id, connector, name, state, settings, credentials, created_at, updated_at)
VALUES ($1, $2, $3, $4, 'enabled', $5, $6, $7, $7);

-- name: update_settings
UPDATE connections SET settings = $3, credentials = $4, updated_at = $5
WHERE merchant_id = $1 AND id = $2;

-- name: connection_by_name
SELECT id FROM connections WHERE merchant_id = $1 AND name = $2;

-- name: merchants_at
SELECT merchant_id FROM connections WHERE connector = 'external' AND name = $1;
