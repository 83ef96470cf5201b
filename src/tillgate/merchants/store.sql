-- name: merchant_by_id
SELECT m.id AS merchant_id, m.name, m.livemode FROM merchants m WHERE m.id = $1;

-- name: create_business
INSERT INTO businesses (id, name, created_at) VALUES ($1, $2, $3);

-- name: create_merchant
INSERT INTO merchants (id, business_id, livemode, name, created_at) VALUES ($1, $2, $3, $4, $5);
