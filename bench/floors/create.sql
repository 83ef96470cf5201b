-- One payment: the rows of POST /v1/payments, as one statement. answer, created, audit and
-- metadata are texts that Tillgate itself wrote for such a payment.
WITH payment AS (
  INSERT INTO payments (merchant_id, id, amount, asset, status, capture_method, authorized, captured,
    refunded, disputed, late, description, metadata, connection_id, success_url, tries, bookings,
    version, created_at, updated_at, expires_at)
  VALUES (:merchant::uuid, uuidv7(), 1999, 'eur', 'pending', 'automatic', 0, 0,
    0, 0, false, :description, :metadata::json, :connection::uuid, :success_url, 0, 0,
    1, now(), now(), now() + interval '1 day')
  RETURNING merchant_id, id, created_at
),
gate AS (
  INSERT INTO idempotency_keys (merchant_id, key, digest, object_id, state, status_code, body,
    created_at)
  SELECT merchant_id, gen_random_uuid()::text, sha256(:answer::bytea), id, 'done', 201, :answer,
    created_at
  FROM payment
),
event AS (
  INSERT INTO events (merchant_id, id, type, object_id, data, api_version, request_id, created_at)
  SELECT merchant_id, uuidv7(), 'payment.created', id, :created::json, :api_version, :request,
    created_at
  FROM payment
  RETURNING merchant_id, id, type, created_at
),
delivery AS (
  INSERT INTO deliveries (merchant_id, endpoint_id, event_id, due_at, created_at)
  SELECT n.merchant_id, e.id, n.id, n.created_at, n.created_at
  FROM event n
  JOIN endpoints e ON e.merchant_id = n.merchant_id
  WHERE e.state = 'enabled' AND n.type LIKE ANY (e.patterns)
)
INSERT INTO audit (merchant_id, id, actor, action, object_id, after, ip, request_id, at)
SELECT merchant_id, uuidv7(), :actor, 'payment.create', id, :audit::json, '127.0.0.1', :request,
  created_at
FROM payment;
