-- Payments whose payer has been sent to the processor: what callbacks are about. $1: merchant,
-- $2: connection, $3: the created event's data; $4 to $7, one for each payment: ids of payment and
-- operation, and both texts by which the processor may name it; $8: the version of events.
WITH wanted AS MATERIALIZED (
  SELECT $1::uuid AS merchant_id, $2::uuid AS connection_id, s.*,
    clock_timestamp() AS now
  FROM unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[])
    AS s (payment_id, operation_id, ours, reference)
),
payment AS (
  INSERT INTO payments (merchant_id, id, amount, asset, status, capture_method, description,
    metadata, connection_id, success_url, tries, version, created_at, updated_at, expires_at)
  SELECT merchant_id, payment_id, 1999, 'eur', 'pending', 'automatic', 'Order 4711: two blue mugs',
    '{"cart":"c-9912","channel":"web"}', connection_id, 'https://shop.example.com/thanks', 1, 2,
    now, now, now + interval '1 day'
  FROM wanted
),
try AS (
  INSERT INTO tries (merchant_id, payment_id, ordinal, connection_id, state, reference,
    redirect_url, created_at, updated_at)
  SELECT merchant_id, payment_id, 1, connection_id, 'open', reference,
    'http://127.0.0.1:1/pay/' || reference, now, now
  FROM wanted
),
operation AS (
  INSERT INTO operations (merchant_id, payment_id, id, ordinal, connection_id, kind, state, amount,
    asset, request, reference, due_at, created_at, updated_at)
  SELECT merchant_id, payment_id, operation_id, 1, connection_id, 'start', 'done', 1999,
    'eur', json_build_object('TransactionId', ours, 'Amount', 1999, 'Currency', 'eur'), reference,
    now + interval '1 minute', now, now
  FROM wanted
),
reference AS (
  INSERT INTO payment_references (merchant_id, connection_id, reference, payment_id)
  SELECT merchant_id, connection_id, name, payment_id
  FROM wanted, unnest(ARRAY[ours, reference]) AS name
),
event AS (
  INSERT INTO events (merchant_id, id, type, object_id, data, api_version, created_at)
  SELECT merchant_id, gen_random_uuid(), 'payment.created', payment_id, $3::json, $8, now
  FROM wanted
  RETURNING merchant_id, id, type, created_at
)
INSERT INTO deliveries (merchant_id, endpoint_id, event_id, state, due_at, created_at, settled_at)
SELECT n.merchant_id, e.id, n.id, 'delivered', n.created_at, n.created_at, n.created_at
FROM event n
JOIN endpoints e ON e.merchant_id = n.merchant_id;
