-- name: order_anywhere
SELECT o.merchant_id, m.livemode FROM orders o JOIN merchants m ON m.id = o.merchant_id
WHERE o.id = $1;

-- name: payments_of_order
-- The newest payment, and how many there are.
SELECT p.id, count(*) OVER () FROM payments p
WHERE p.merchant_id = $1 AND p.order_id = $2
ORDER BY p.id DESC LIMIT 1;

-- name: provider_of_service
SELECT p.id FROM providers p
WHERE p.merchant_id = $1 AND p.service_id = $2 AND p.status = 'active'
ORDER BY p.id LIMIT 1;

-- name: stripe_connections
SELECT c.merchant_id, c.id FROM connections c
WHERE c.connector = 'stripe' AND c.state = 'enabled'
ORDER BY c.priority DESC, c.id LIMIT $1;

-- name: knowing
SELECT connection_id FROM payment_references
WHERE merchant_id = ANY ($1::uuid[]) AND connection_id = ANY ($2::uuid[])
  AND reference = ANY ($3::text[])
LIMIT 1;
