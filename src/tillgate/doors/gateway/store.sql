-- Reads of this door: objects by id alone, lists that count, deliveries as logs, counters of jobs.

-- name: order
SELECT
  merchant_id, id, amount, asset, status, paid, refunded, lines, reference, description, metadata,
  duplicates, version, created_at, updated_at, paid_at, canceled_at
FROM orders WHERE merchant_id = $1 AND id = $2;

-- name: orders
SELECT
  merchant_id, id, amount, asset, status, paid, refunded, lines, reference, description, metadata,
  duplicates, version, created_at, updated_at, paid_at, canceled_at
FROM orders WHERE merchant_id = $1
ORDER BY id DESC LIMIT $2 OFFSET $3;

-- name: owner_of_order
SELECT o.merchant_id, m.livemode
FROM orders o JOIN merchants m ON m.id = o.merchant_id
WHERE o.id = $1;

-- name: payment
SELECT id, order_id, amount, asset, status, metadata, created_at, updated_at
FROM payments WHERE merchant_id = $1 AND id = $2;

-- name: owner_of_payment
-- Of those that pay for an order.
SELECT p.merchant_id FROM payments p WHERE p.id = $1 AND p.order_id IS NOT NULL;

-- name: payments
SELECT id, order_id, amount, asset, status, metadata, created_at, updated_at
FROM payments WHERE merchant_id = $1
ORDER BY id DESC LIMIT $2 OFFSET $3;

-- name: figures
-- Of the newest $2 payments, those in the currency of the newest one: amounts of others do not add up.
WITH newest AS (
  SELECT p.asset, p.amount, p.status, first_value(p.asset) OVER (ORDER BY p.id DESC) AS latest
  FROM payments p WHERE p.merchant_id = $1
  ORDER BY p.id DESC LIMIT $2
)
SELECT count(*) AS payments, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
  coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0)::bigint AS amount
FROM newest WHERE asset = latest;

-- name: refund
SELECT
  merchant_id, payment_id, id, connection_id, charge, amount, asset, status, reason, metadata,
  place, hold_id, reference, failure_code, failure_message, created_at, updated_at
FROM refunds WHERE merchant_id = $1 AND id = $2;

-- name: refunds
SELECT
  merchant_id, payment_id, id, connection_id, charge, amount, asset, status, reason, metadata,
  place, hold_id, reference, failure_code, failure_message, created_at, updated_at
FROM refunds WHERE merchant_id = $1
ORDER BY id DESC LIMIT $2 OFFSET $3;

-- name: count_refunds
SELECT count(*) FROM (SELECT FROM refunds WHERE merchant_id = $1 LIMIT $2) AS counted;

-- name: endpoint
-- The one that the merchant configures here: the newest that is not deleted, else the last one, whose
-- secret the next one takes over.
SELECT id, url, state, secrets FROM endpoints
WHERE merchant_id = $1 AND format = 'gateway'
ORDER BY state = 'deleted', id DESC LIMIT 1;

-- name: logs
SELECT d.event_id, v.type, d.state, d.attempts - d.attempts_before, d.created_at, a.started_at,
  a.status_code
FROM endpoints e
CROSS JOIN LATERAL (
  SELECT q.* FROM deliveries q
  WHERE q.merchant_id = e.merchant_id AND q.endpoint_id = e.id
  ORDER BY q.event_id DESC LIMIT $2::bigint + $3::bigint
) d
JOIN events v ON v.merchant_id = d.merchant_id AND v.id = d.event_id
LEFT JOIN attempts a ON a.merchant_id = d.merchant_id AND a.endpoint_id = d.endpoint_id
  AND a.event_id = d.event_id AND a.ordinal = d.attempts
WHERE e.merchant_id = $1 AND e.format = 'gateway'
ORDER BY d.event_id DESC LIMIT $2 OFFSET $3;

-- name: count_logs
SELECT count(*) FROM (
  SELECT FROM endpoints e
  JOIN deliveries d ON d.merchant_id = e.merchant_id AND d.endpoint_id = e.id
  WHERE e.merchant_id = $1 AND e.format = 'gateway'
  LIMIT $2) AS counted;

-- name: delivery
SELECT d.event_id, e.id, e.state FROM endpoints e
JOIN deliveries d ON d.merchant_id = e.merchant_id AND d.endpoint_id = e.id
WHERE e.merchant_id = $1 AND e.format = 'gateway' AND d.event_id = $2
ORDER BY e.id DESC LIMIT 1;

-- name: jobs
-- Of the newest $2 payments and refunds and of as many deliveries. Waiting: not sent yet, or to be sent again.
WITH wishes AS (
  SELECT o.state, p.status FROM (
    SELECT q.merchant_id, q.id, q.status FROM payments q WHERE q.merchant_id = $1 ORDER BY q.id DESC LIMIT $2
  ) p
  JOIN operations o ON o.merchant_id = p.merchant_id AND o.payment_id = p.id AND o.kind = 'start'
  UNION ALL
  SELECT o.state, r.status FROM (
    SELECT q.merchant_id, q.payment_id, q.id, q.status FROM refunds q WHERE q.merchant_id = $1
    ORDER BY q.id DESC LIMIT $2
  ) r
  LEFT JOIN operations o ON o.merchant_id = r.merchant_id AND o.payment_id = r.payment_id AND o.id = r.id
),
sent AS (
  SELECT d.state, d.claims > d.attempts AND d.due_at > now() AS held
  FROM deliveries d WHERE d.merchant_id = $1 LIMIT $2
),
jobs AS (
  SELECT CASE
    WHEN w.state = 'reserved' THEN 'pending'
    WHEN w.status IN ('pending', 'processing', 'authorized') THEN 'processing'
    WHEN w.status IN ('succeeded', 'failed', 'review') THEN 'completed'
    ELSE 'failed' END AS stage
  FROM wishes w
  UNION ALL
  SELECT CASE s.state
    WHEN 'due' THEN CASE WHEN s.held THEN 'processing' ELSE 'pending' END
    WHEN 'delivered' THEN 'completed'
    ELSE 'failed' END
  FROM sent s
)
SELECT count(*) FILTER (WHERE stage = 'pending') AS pending,
  count(*) FILTER (WHERE stage = 'processing') AS processing,
  count(*) FILTER (WHERE stage = 'completed') AS completed,
  count(*) FILTER (WHERE stage = 'failed') AS failed
FROM jobs;
