-- One callback that says "captured": the rows of POST /callbacks/…, as one statement. The payment
-- is the next one of those prepared. headers, raw and succeeded are texts that Tillgate itself
-- received and wrote for such a callback. The two accounts, which all callbacks want, come last.
WITH message AS MATERIALIZED (
  SELECT nextval('callback_numbers') AS number
),
payment AS (
  UPDATE payments p
  SET status = 'succeeded', captured = p.amount, bookings = 1, version = p.version + 1,
    updated_at = now(), succeeded_at = now()
  FROM message m
  JOIN payment_references r ON r.merchant_id = :merchant::uuid
    AND r.connection_id = :connection::uuid
    AND r.reference = :prefix || lpad(m.number::text, 26, '0')
  WHERE p.merchant_id = r.merchant_id AND p.id = r.payment_id AND p.status = 'pending'
  RETURNING p.merchant_id, p.id, p.connection_id, p.amount, p.asset, r.reference,
    uuidv7() AS callback_id, uuidv7() AS transfer_id
),
seen AS (
  INSERT INTO seen_callbacks (merchant_id, connection_id, event_key, callback_id)
  SELECT merchant_id, connection_id, 'evt_' || reference, callback_id FROM payment
),
callback AS (
  INSERT INTO callbacks (merchant_id, id, connection_id, event_key, payment_id, state, effect,
    headers, raw, attempts, received_at)
  SELECT merchant_id, callback_id, connection_id, 'evt_' || reference, id, 'processed', 'applied',
    :headers::json, convert_to(:raw, 'UTF8'), 1, now()
  FROM payment
),
object AS (
  INSERT INTO processor_objects (merchant_id, payment_id, connection_id, kind, reference, ordinal,
    state, amount, asset, booked, booked_to, created_at, updated_at)
  SELECT merchant_id, id, connection_id, 'charge', reference, 1,
    'captured', amount, asset, amount, 'merchant', now(), now()
  FROM payment
),
try AS (
  UPDATE tries t SET state = 'succeeded', updated_at = now()
  FROM payment p
  WHERE t.merchant_id = p.merchant_id AND t.payment_id = p.id AND t.state = 'open'
),
operation AS (
  UPDATE operations o SET state = 'done', due_at = NULL, updated_at = now()
  FROM payment p
  WHERE o.merchant_id = p.merchant_id AND o.payment_id = p.id AND o.due_at IS NOT NULL
),
event AS (
  INSERT INTO events (merchant_id, id, type, object_id, data, api_version, request_id, created_at)
  SELECT merchant_id, uuidv7(), 'payment.succeeded', id, :succeeded::json, :api_version, :request, now()
  FROM payment
  RETURNING merchant_id, id, type, created_at
),
delivery AS (
  INSERT INTO deliveries (merchant_id, endpoint_id, event_id, due_at, created_at)
  SELECT n.merchant_id, e.id, n.id, n.created_at, n.created_at
  FROM event n
  JOIN endpoints e ON e.merchant_id = n.merchant_id
  WHERE e.state = 'enabled' AND n.type LIKE ANY (e.patterns)
  RETURNING event_id
),
written AS MATERIALIZED (
  SELECT count(*) AS deliveries FROM delivery
),
debit AS (
  UPDATE accounts a SET posted = a.posted - p.amount, version = a.version + 1,
    moved_at = greatest(now(), a.moved_at)
  FROM payment p CROSS JOIN written
  WHERE a.merchant_id = p.merchant_id AND a.owner = :owner AND a.code = 'clearing'
    AND a.asset = p.asset
  RETURNING a.id, a.version, a.posted, a.held_out, a.moved_at, p.merchant_id, p.id AS payment_id,
    p.amount, p.asset, p.reference, p.transfer_id
),
credit AS (
  UPDATE accounts a SET posted = a.posted + d.amount, version = a.version + 1,
    moved_at = greatest(d.moved_at, a.moved_at)
  FROM debit d
  WHERE a.merchant_id = d.merchant_id AND a.owner = 'merchant' AND a.code = 'available'
    AND a.asset = d.asset
  RETURNING a.id AS credit_id, a.version AS credit_version, a.posted AS credit_after,
    a.held_out AS credit_held, a.moved_at AS credit_moved_at, d.*
)
INSERT INTO transfers (merchant_id, id, kind, debit_id, credit_id, asset, amount, group_id, code,
  cause, ref, effective_at, created_at, debit_version, debit_after, debit_held, credit_version,
  credit_after, credit_held, digest)
SELECT merchant_id, transfer_id, 'direct', id, credit_id, asset, amount, transfer_id,
  'payment_captured', payment_id::text || :cause, reference, now(), credit_moved_at, version, posted,
  held_out, credit_version, credit_after, credit_held, sha256(payment_id::text::bytea)
FROM credit;
