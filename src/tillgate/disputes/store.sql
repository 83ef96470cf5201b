-- name: dispute_by_id
SELECT
  merchant_id, payment_id, id, connection_id, reference, charge, amount, asset, status, reason,
  evidence_due_at, remind_at, created_at, updated_at
FROM disputes WHERE merchant_id = $1 AND id = $2;

-- name: older
SELECT
  merchant_id, payment_id, id, connection_id, reference, charge, amount, asset, status, reason,
  evidence_due_at, remind_at, created_at, updated_at
FROM disputes
WHERE merchant_id = $1 AND id < $2
  AND ($4::uuid IS NULL OR payment_id = $4)
  AND ($5::text IS NULL OR status = $5)
  AND ($6::timestamptz IS NULL OR created_at >= $6)
  AND ($7::timestamptz IS NULL OR created_at < $7)
ORDER BY id DESC LIMIT $3;

-- name: newer
SELECT
  merchant_id, payment_id, id, connection_id, reference, charge, amount, asset, status, reason,
  evidence_due_at, remind_at, created_at, updated_at
FROM disputes
WHERE merchant_id = $1 AND id > $2
  AND ($4::uuid IS NULL OR payment_id = $4)
  AND ($5::text IS NULL OR status = $5)
  AND ($6::timestamptz IS NULL OR created_at >= $6)
  AND ($7::timestamptz IS NULL OR created_at < $7)
ORDER BY id LIMIT $3;

-- name: reminders
SELECT d.merchant_id, d.payment_id, d.id, m.livemode
FROM disputes d JOIN merchants m ON m.id = d.merchant_id
WHERE d.remind_at <= clock_timestamp()
ORDER BY d.remind_at LIMIT $1;
