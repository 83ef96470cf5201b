-- name: payment_by_id
SELECT
  merchant_id, id, amount, asset, status, capture_method, authorized, captured, refunded, disputed,
  late, review_reason, failure_code, failure_message, description, metadata, connection_id,
  wallet_user, success_url, cancel_url, tries, bookings, version, created_at, updated_at,
  expires_at, succeeded_at
FROM payments WHERE merchant_id = $1 AND id = $2;

-- name: older
SELECT
  merchant_id, id, amount, asset, status, capture_method, authorized, captured, refunded, disputed,
  late, review_reason, failure_code, failure_message, description, metadata, connection_id,
  wallet_user, success_url, cancel_url, tries, bookings, version, created_at, updated_at,
  expires_at, succeeded_at
FROM payments
WHERE merchant_id = $1 AND id < $2
  AND ($4::text IS NULL OR status = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5)
  AND ($6::timestamptz IS NULL OR created_at > $6)
  AND ($7::timestamptz IS NULL OR created_at <= $7)
  AND ($8::timestamptz IS NULL OR created_at < $8)
ORDER BY id DESC LIMIT $3;

-- name: newer
SELECT
  merchant_id, id, amount, asset, status, capture_method, authorized, captured, refunded, disputed,
  late, review_reason, failure_code, failure_message, description, metadata, connection_id,
  wallet_user, success_url, cancel_url, tries, bookings, version, created_at, updated_at,
  expires_at, succeeded_at
FROM payments
WHERE merchant_id = $1 AND id > $2
  AND ($4::text IS NULL OR status = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5)
  AND ($6::timestamptz IS NULL OR created_at > $6)
  AND ($7::timestamptz IS NULL OR created_at <= $7)
  AND ($8::timestamptz IS NULL OR created_at < $8)
ORDER BY id LIMIT $3;

-- name: latest_try
SELECT ordinal, connection_id, state, reference, redirect_url FROM tries
WHERE merchant_id = $1 AND payment_id = $2
ORDER BY ordinal DESC LIMIT 1;

-- name: expired
SELECT p.merchant_id, p.id, m.livemode FROM payments p JOIN merchants m ON m.id = p.merchant_id
WHERE p.status = 'pending' AND p.expires_at <= clock_timestamp()
  AND NOT EXISTS (
    SELECT 1 FROM operations o
    WHERE o.merchant_id = p.merchant_id AND o.payment_id = p.id AND o.state IN ('submitted', 'unknown'))
ORDER BY p.expires_at LIMIT $1;

-- name: due_operations
UPDATE operations SET due_at = clock_timestamp() + interval '30 seconds'
WHERE (merchant_id, payment_id, id) IN (
  SELECT merchant_id, payment_id, id FROM operations
  WHERE due_at <= clock_timestamp()
  ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING merchant_id, payment_id, id, connection_id;

-- name: forget_keys
DELETE FROM idempotency_keys WHERE (merchant_id, key) IN (
  SELECT merchant_id, key FROM idempotency_keys
  WHERE created_at < clock_timestamp() - $1::interval AND state = 'done'
  ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED);
