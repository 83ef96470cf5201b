-- name: enabled_endpoints
-- Part of others: only to these anything is sent.
SELECT e.id FROM endpoints e WHERE e.merchant_id = $1 AND e.state = 'enabled';

-- name: stuck
-- Of the merchant $1, or of all when it is NULL: what should have moved and has not, of each kind the
-- oldest $2. What was due for longer than $3 was not claimed; $4 is long for what a worker asks about
-- meanwhile, $5 for a refund that the processor has taken, $6 for a key whose answer is not there.
-- Each part reads a partial index on work that is open, which is little.
(SELECT 'callback_overdue' AS kind, c.merchant_id, c.id, NULL::uuid AS beside, NULL AS key, c.payment_id,
   c.due_at AS since
 FROM callbacks c
 WHERE ($1::uuid IS NULL OR c.merchant_id = $1) AND c.state = 'pending' AND c.due_at < now() - $3::interval
 ORDER BY c.due_at LIMIT $2)
UNION ALL
(SELECT 'delivery_overdue', d.merchant_id, d.event_id, d.endpoint_id, NULL, NULL, d.due_at
 FROM endpoints e
 CROSS JOIN LATERAL (
   SELECT q.merchant_id, q.event_id, q.endpoint_id, q.due_at FROM deliveries q
   WHERE q.merchant_id = e.merchant_id AND q.endpoint_id = e.id
     AND q.state = 'due' AND q.due_at < now() - $3::interval
   ORDER BY q.due_at LIMIT $2) d
 WHERE ($1::uuid IS NULL OR e.merchant_id = $1) AND e.state = 'enabled'
 ORDER BY d.due_at LIMIT $2)
UNION ALL
(SELECT 'dispute_overdue', x.merchant_id, x.id, NULL, NULL, x.payment_id, x.remind_at FROM disputes x
 WHERE ($1::uuid IS NULL OR x.merchant_id = $1) AND x.remind_at < now() - $3::interval
 ORDER BY x.remind_at LIMIT $2)
UNION ALL
(SELECT 'hold_overdue', h.merchant_id, h.id, NULL, NULL, NULL, h.expires_at FROM holds h
 WHERE ($1::uuid IS NULL OR h.merchant_id = $1) AND h.state = 'held' AND h.expires_at < now() - $3::interval
 ORDER BY h.expires_at LIMIT $2)
UNION ALL
(SELECT 'key_open', k.merchant_id, NULL, NULL, k.key, NULL, k.created_at FROM idempotency_keys k
 WHERE ($1::uuid IS NULL OR k.merchant_id = $1) AND k.state = 'open' AND k.created_at < now() - $6::interval
 ORDER BY k.created_at LIMIT $2)
UNION ALL
(SELECT 'operation_overdue', o.merchant_id, o.id, NULL, NULL, o.payment_id, o.due_at FROM operations o
 WHERE ($1::uuid IS NULL OR o.merchant_id = $1) AND o.due_at < now() - $3::interval
 ORDER BY o.due_at LIMIT $2)
UNION ALL
(SELECT 'operation_unknown', o.merchant_id, o.id, NULL, NULL, o.payment_id, o.created_at FROM operations o
 WHERE ($1::uuid IS NULL OR o.merchant_id = $1) AND o.state = 'unknown'
   AND (o.due_at IS NULL OR (o.due_at >= now() - $3::interval AND o.created_at < now() - $4::interval))
 ORDER BY o.created_at LIMIT $2)
UNION ALL
(SELECT 'payment_idle', p.merchant_id, p.id, NULL, NULL, p.id, p.updated_at FROM payments p
 WHERE ($1::uuid IS NULL OR p.merchant_id = $1) AND p.status = 'processing'
   AND p.updated_at < now() - $3::interval
   AND NOT EXISTS (
     SELECT FROM operations o
     WHERE o.merchant_id = p.merchant_id AND o.payment_id = p.id AND o.due_at IS NOT NULL)
 ORDER BY p.updated_at LIMIT $2)
UNION ALL
(SELECT 'payment_overdue', p.merchant_id, p.id, NULL, NULL, p.id, p.expires_at FROM payments p
 WHERE ($1::uuid IS NULL OR p.merchant_id = $1) AND p.status = 'pending'
   AND p.expires_at < now() - $3::interval
   AND NOT EXISTS (
     SELECT FROM operations o
     WHERE o.merchant_id = p.merchant_id AND o.payment_id = p.id
       AND o.state IN ('reserved', 'submitted', 'unknown'))
 ORDER BY p.expires_at LIMIT $2)
UNION ALL
(SELECT 'payment_review', p.merchant_id, p.id, NULL, NULL, p.id, p.updated_at FROM payments p
 WHERE ($1::uuid IS NULL OR p.merchant_id = $1) AND p.status = 'review'
 ORDER BY p.updated_at LIMIT $2)
UNION ALL
(SELECT 'payment_unreturned', p.merchant_id, p.id, NULL, NULL, p.id, p.updated_at FROM payments p
 WHERE ($1::uuid IS NULL OR p.merchant_id = $1) AND p.resolution = 'refused' AND p.refunded < p.captured
   AND NOT EXISTS (
     SELECT FROM refunds r
     WHERE r.merchant_id = p.merchant_id AND r.payment_id = p.id AND r.status = 'pending')
 ORDER BY p.updated_at LIMIT $2)
UNION ALL
(SELECT 'refund_idle', r.merchant_id, r.id, NULL, NULL, r.payment_id, r.updated_at FROM refunds r
 LEFT JOIN operations o ON o.merchant_id = r.merchant_id AND o.payment_id = r.payment_id AND o.id = r.id
 WHERE ($1::uuid IS NULL OR r.merchant_id = $1) AND r.status = 'pending'
   AND r.updated_at < now() - $5::interval
   AND o.due_at IS NULL AND (o.state IS NULL OR o.state IN ('done', 'rejected'))
 ORDER BY r.updated_at LIMIT $2)
UNION ALL
(SELECT 'try_idle', t.merchant_id, t.payment_id, NULL, NULL, t.payment_id, t.updated_at FROM tries t
 JOIN payments p ON p.merchant_id = t.merchant_id AND p.id = t.payment_id
 WHERE ($1::uuid IS NULL OR t.merchant_id = $1) AND t.state = 'open' AND t.created_at < now() - $3::interval
   AND p.status NOT IN ('processing', 'authorized') AND (p.status <> 'pending' OR t.redirect_url IS NULL)
   AND NOT EXISTS (
     SELECT FROM operations o
     WHERE o.merchant_id = t.merchant_id AND o.payment_id = t.payment_id
       AND (o.due_at IS NOT NULL OR o.state = 'unknown'))
 ORDER BY t.created_at LIMIT $2)
ORDER BY since, kind;

-- name: create_clock
-- $5: how many clocks the merchant may have; with that many already, no row is answered.
INSERT INTO test_clocks (merchant_id, id, name, created_at, updated_at)
SELECT $1, $2, $3, $4, $4
WHERE (SELECT count(*) FROM test_clocks WHERE merchant_id = $1) < $5::bigint
RETURNING *;

-- name: advance_clock
UPDATE test_clocks SET advanced_s = advanced_s + $3, updated_at = $4
WHERE merchant_id = $1 AND id = $2 AND advanced_s + $3 <= $5::bigint
RETURNING *;

-- name: delete_clock
DELETE FROM test_clocks WHERE merchant_id = $1 AND id = $2 RETURNING id;

-- name: clock_by_id
SELECT * FROM test_clocks WHERE merchant_id = $1 AND id = $2;

-- name: clocks_older
SELECT * FROM test_clocks WHERE merchant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3;

-- name: clocks_newer
SELECT * FROM test_clocks WHERE merchant_id = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: seen_working
-- The worker $1 works; rows of workers that died long ago ($2) go.
WITH gone AS (DELETE FROM workers WHERE seen_at < now() - $2::interval)
INSERT INTO workers (id, started_at, seen_at) VALUES ($1, now(), now())
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at;

-- name: stopped_working
DELETE FROM workers WHERE id = $1;

-- name: is_worked
SELECT EXISTS (SELECT FROM workers WHERE seen_at > now() - $1::interval);
