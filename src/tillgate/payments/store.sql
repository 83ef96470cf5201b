-- name: payment_by_id
SELECT
  merchant_id, id, amount, asset, status, capture_method, authorized, captured, refunded, disputed,
  late, review_reason, failure_code, failure_message, description, metadata, connection_id,
  wallet_user, success_url, cancel_url, tries, bookings, version, created_at, updated_at,
  expires_at, succeeded_at, order_id, to_capture, cancellation_reason, resolution, credited,
  routed, amount_policy
FROM payments WHERE merchant_id = $1 AND id = $2;

-- name: payments_by_ids
SELECT
  merchant_id, id, amount, asset, status, capture_method, authorized, captured, refunded, disputed,
  late, review_reason, failure_code, failure_message, description, metadata, connection_id,
  wallet_user, success_url, cancel_url, tries, bookings, version, created_at, updated_at,
  expires_at, succeeded_at, order_id, to_capture, cancellation_reason, resolution, credited,
  routed, amount_policy
FROM payments WHERE merchant_id = $1 AND id = ANY ($2::uuid[]);

-- name: older
SELECT
  merchant_id, id, amount, asset, status, capture_method, authorized, captured, refunded, disputed,
  late, review_reason, failure_code, failure_message, description, metadata, connection_id,
  wallet_user, success_url, cancel_url, tries, bookings, version, created_at, updated_at,
  expires_at, succeeded_at, order_id, to_capture, cancellation_reason, resolution, credited,
  routed, amount_policy
FROM payments
WHERE merchant_id = $1 AND id < $2
  AND ($4::text IS NULL OR status = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5)
  AND ($6::timestamptz IS NULL OR created_at < $6)
  AND ($7::uuid IS NULL OR order_id = $7)
  AND ($8::uuid IS NULL OR connection_id = $8)
  AND ($9::text IS NULL OR wallet_user = $9)
  AND ($10::text IS NULL OR id = ANY (ARRAY(
    SELECT m.id FROM payments m
    WHERE m.merchant_id = $1 AND m.metadata::text <> '{}' AND m.metadata::jsonb @> $10::text::jsonb)))
  AND ($11::bigint IS NULL OR amount >= $11)
  AND ($12::bigint IS NULL OR amount <= $12)
ORDER BY id DESC LIMIT $3;

-- name: newer
SELECT
  merchant_id, id, amount, asset, status, capture_method, authorized, captured, refunded, disputed,
  late, review_reason, failure_code, failure_message, description, metadata, connection_id,
  wallet_user, success_url, cancel_url, tries, bookings, version, created_at, updated_at,
  expires_at, succeeded_at, order_id, to_capture, cancellation_reason, resolution, credited,
  routed, amount_policy
FROM payments
WHERE merchant_id = $1 AND id > $2
  AND ($4::text IS NULL OR status = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5)
  AND ($6::timestamptz IS NULL OR created_at < $6)
  AND ($7::uuid IS NULL OR order_id = $7)
  AND ($8::uuid IS NULL OR connection_id = $8)
  AND ($9::text IS NULL OR wallet_user = $9)
  AND ($10::text IS NULL OR id = ANY (ARRAY(
    SELECT m.id FROM payments m
    WHERE m.merchant_id = $1 AND m.metadata::text <> '{}' AND m.metadata::jsonb @> $10::text::jsonb)))
  AND ($11::bigint IS NULL OR amount >= $11)
  AND ($12::bigint IS NULL OR amount <= $12)
ORDER BY id LIMIT $3;

-- name: orders_by_ids
SELECT
  merchant_id, id, amount, asset, status, paid, refunded, lines, reference, description, metadata,
  duplicates, version, created_at, updated_at, paid_at, canceled_at
FROM orders WHERE merchant_id = $1 AND id = ANY ($2::uuid[]);

-- name: tries_of
SELECT
  merchant_id, payment_id, ordinal, connection_id, state, reference, redirect_url, failure_code,
  failure_message, created_at, updated_at, way
FROM tries WHERE merchant_id = $1 AND payment_id = ANY ($2::uuid[])
ORDER BY payment_id, ordinal;

-- name: refunds_of
SELECT
  merchant_id, payment_id, id, connection_id, charge, amount, asset, status, reason, metadata,
  place, hold_id, reference, failure_code, failure_message, created_at, updated_at
FROM refunds WHERE merchant_id = $1 AND payment_id = ANY ($2::uuid[])
ORDER BY payment_id, id;

-- name: disputes_of
SELECT
  merchant_id, payment_id, id, connection_id, reference, charge, amount, asset, status, reason,
  evidence_due_at, remind_at, created_at, updated_at
FROM disputes WHERE merchant_id = $1 AND payment_id = ANY ($2::uuid[])
ORDER BY payment_id, id;

-- name: waiting_operations
SELECT payment_id, id AS operation_id, connection_id, state, target, reference FROM operations
WHERE merchant_id = $1 AND payment_id = $2 AND id = ANY ($3::uuid[])
ORDER BY id;

-- name: open_operations
SELECT count(*) FROM operations
WHERE merchant_id = $1 AND payment_id = $2 AND id = ANY ($3::uuid[])
  AND state IN ('reserved', 'submitted', 'unknown');

-- name: look_soon
-- As soon as the last look, or the last time that one was asked for, is $3 ago; beside the looks that are made by
-- themselves, of which it takes none away. What a worker has in hand falls due 30 s after it was claimed.
UPDATE operations
SET due_at = greatest(clock_timestamp(), updated_at + $3::interval), updated_at = clock_timestamp(),
  looks = greatest(looks - 1, 0)
WHERE merchant_id = $1 AND payment_id = $2 AND state IN ('done', 'unknown')
  AND due_at > greatest(clock_timestamp(), updated_at + $3::interval)
  AND due_at > updated_at + interval '30 seconds';

-- name: latest_try
SELECT ordinal, connection_id, state, reference, redirect_url, way FROM tries
WHERE merchant_id = $1 AND payment_id = $2
ORDER BY ordinal DESC LIMIT 1;

-- name: expired
SELECT p.merchant_id, p.id, m.livemode FROM payments p JOIN merchants m ON m.id = p.merchant_id
WHERE p.status = 'pending' AND p.expires_at <= clock_timestamp()
  AND NOT EXISTS (
    SELECT 1 FROM operations o
    WHERE o.merchant_id = p.merchant_id AND o.payment_id = p.id AND o.state IN ('submitted', 'unknown')
      AND o.kind <> 'void')
ORDER BY p.expires_at LIMIT $1;

-- name: due_operations
WITH due AS (
  SELECT merchant_id, payment_id, id FROM operations
  WHERE due_at <= clock_timestamp()
  ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE operations o SET due_at = now() + interval '30 seconds', updated_at = clock_timestamp()
FROM due d JOIN merchants m ON m.id = d.merchant_id
WHERE o.merchant_id = d.merchant_id AND o.payment_id = d.payment_id AND o.id = d.id
RETURNING o.merchant_id, m.livemode, o.payment_id, o.id, o.connection_id, o.kind, o.state, o.target,
  o.reference;

-- name: forget_keys
DELETE FROM idempotency_keys WHERE (merchant_id, key) IN (
  SELECT k.merchant_id, k.key FROM idempotency_keys k
  WHERE k.created_at < clock_timestamp() - $1::interval
    AND (k.state = 'done' OR NOT EXISTS (
      SELECT 1 FROM operations o WHERE o.merchant_id = k.merchant_id AND o.id = k.object_id
        AND o.state IN ('reserved', 'submitted', 'unknown')))
  ORDER BY k.created_at LIMIT $2 FOR UPDATE SKIP LOCKED);
