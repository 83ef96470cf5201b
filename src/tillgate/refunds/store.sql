-- name: refund_by_id
SELECT
  merchant_id, payment_id, id, connection_id, charge, amount, asset, status, reason, metadata,
  place, hold_id, reference, failure_code, failure_message, created_at, updated_at
FROM refunds WHERE merchant_id = $1 AND id = $2;

-- name: older
SELECT
  merchant_id, payment_id, id, connection_id, charge, amount, asset, status, reason, metadata,
  place, hold_id, reference, failure_code, failure_message, created_at, updated_at
FROM refunds
WHERE merchant_id = $1 AND id < $2
  AND ($4::uuid IS NULL OR payment_id = $4)
  AND ($5::text IS NULL OR status = $5)
  AND ($6::timestamptz IS NULL OR created_at >= $6)
  AND ($7::timestamptz IS NULL OR created_at < $7)
ORDER BY id DESC LIMIT $3;

-- name: newer
SELECT
  merchant_id, payment_id, id, connection_id, charge, amount, asset, status, reason, metadata,
  place, hold_id, reference, failure_code, failure_message, created_at, updated_at
FROM refunds
WHERE merchant_id = $1 AND id > $2
  AND ($4::uuid IS NULL OR payment_id = $4)
  AND ($5::text IS NULL OR status = $5)
  AND ($6::timestamptz IS NULL OR created_at >= $6)
  AND ($7::timestamptz IS NULL OR created_at < $7)
ORDER BY id LIMIT $3;
