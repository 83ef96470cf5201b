-- Reads of orders.

-- name: order_by_id
SELECT
  merchant_id, id, amount, asset, status, paid, refunded, lines, reference, description, metadata,
  duplicates, version, created_at, updated_at, paid_at, canceled_at
FROM orders WHERE merchant_id = $1 AND id = $2;

-- name: older
SELECT
  merchant_id, id, amount, asset, status, paid, refunded, lines, reference, description, metadata,
  duplicates, version, created_at, updated_at, paid_at, canceled_at
FROM orders
WHERE merchant_id = $1 AND id < $2
  AND ($4::text IS NULL OR status = $4)
  AND ($5::text IS NULL OR reference = $5)
  AND ($6::timestamptz IS NULL OR created_at >= $6)
  AND ($7::timestamptz IS NULL OR created_at < $7)
ORDER BY id DESC LIMIT $3;

-- name: newer
SELECT
  merchant_id, id, amount, asset, status, paid, refunded, lines, reference, description, metadata,
  duplicates, version, created_at, updated_at, paid_at, canceled_at
FROM orders
WHERE merchant_id = $1 AND id > $2
  AND ($4::text IS NULL OR status = $4)
  AND ($5::text IS NULL OR reference = $5)
  AND ($6::timestamptz IS NULL OR created_at >= $6)
  AND ($7::timestamptz IS NULL OR created_at < $7)
ORDER BY id LIMIT $3;
