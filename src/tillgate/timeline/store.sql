-- name: objects
-- Whose transfers belong to the payment $2: its own, its refunds', its disputes'.
SELECT 'pay' AS prefix, p.id FROM payments p WHERE p.merchant_id = $1 AND p.id = $2
UNION ALL
SELECT 're', r.id FROM refunds r WHERE r.merchant_id = $1 AND r.payment_id = $2
UNION ALL
SELECT 'dp', d.id FROM disputes d WHERE d.merchant_id = $1 AND d.payment_id = $2;

-- name: timeline
-- What happened to the payment $2, at most $5, the first of it. $3: the ids of it and of what hangs on it;
-- $4: these as causes of transfers begin. `rank` orders what happened at one time: causes before effects.
WITH told AS MATERIALIZED (
  SELECT v.id, v.type, v.created_at FROM events v
  WHERE v.merchant_id = $1 AND v.object_id = ANY ($3::uuid[])
  ORDER BY v.id LIMIT $5
)
SELECT * FROM (
  SELECT t.created_at AS at, 1 AS rank, 'try' AS type, t.payment_id AS id, t.connection_id AS beside,
    t.ordinal, t.state AS word, json_build_object(
      'state', t.state, 'reference', t.reference, 'failure_code', t.failure_code) AS details
  FROM tries t WHERE t.merchant_id = $1 AND t.payment_id = $2
  UNION ALL
  SELECT o.created_at, 2, 'operation', o.id, o.connection_id, o.ordinal, o.kind || ' ' || o.state,
    json_build_object('kind', o.kind, 'state', o.state, 'amount', o.amount, 'currency', o.asset,
      'reference', o.reference, 'error', o.error, 'looks', o.looks, 'submissions', o.submissions)
  FROM operations o WHERE o.merchant_id = $1 AND o.payment_id = $2
  UNION ALL
  SELECT r.created_at, 3, 'refund', r.id, r.connection_id, NULL, r.status,
    json_build_object('status', r.status, 'amount', r.amount, 'currency', r.asset, 'reason', r.reason)
  FROM refunds r WHERE r.merchant_id = $1 AND r.payment_id = $2
  UNION ALL
  (SELECT c.received_at, 4, 'callback', c.id, c.connection_id, NULL, c.state || ': ' || c.effect,
    json_build_object('state', c.state, 'effect', c.effect, 'event_key', c.event_key,
      'attempts', c.attempts)
  FROM callbacks c WHERE c.merchant_id = $1 AND c.payment_id = $2
  ORDER BY c.id LIMIT $5)
  UNION ALL
  SELECT d.created_at, 5, 'dispute', d.id, d.connection_id, NULL, d.status,
    json_build_object('status', d.status, 'amount', d.amount, 'currency', d.asset, 'reason', d.reason)
  FROM disputes d WHERE d.merchant_id = $1 AND d.payment_id = $2
  UNION ALL
  (SELECT x.created_at, 6, 'transfer', x.id, NULL, NULL, x.code,
    json_build_object('code', x.code, 'kind', x.kind, 'amount', x.amount, 'currency', x.asset,
      'debit', debit.code, 'credit', credit.code, 'cause', x.cause)
  FROM unnest($4::text[]) AS of (beginning)
  -- The range is wide enough in every collation, and exact only with the comparison behind it.
  JOIN transfers x ON x.merchant_id = $1 AND x.cause BETWEEN of.beginning AND of.beginning || 'zzzz'
    AND starts_with(x.cause, of.beginning)
  JOIN accounts debit ON debit.merchant_id = $1 AND debit.id = x.debit_id AND debit.asset = x.asset
  JOIN accounts credit ON credit.merchant_id = $1 AND credit.id = x.credit_id AND credit.asset = x.asset
  ORDER BY x.created_at, x.id LIMIT $5)
  UNION ALL
  SELECT v.created_at, 7, 'event', v.id, NULL, NULL, v.type, json_build_object('type', v.type)
  FROM told v
  UNION ALL
  (SELECT a.at, 8, 'change', a.id, NULL, NULL, a.action,
    json_build_object('action', a.action, 'actor', a.actor, 'before', a.before, 'after', a.after)
  FROM audit a WHERE a.merchant_id = $1 AND a.object_id = ANY ($3::uuid[])
  ORDER BY a.id LIMIT $5)
  UNION ALL
  (SELECT m.started_at, 9, 'attempt', m.event_id, m.endpoint_id, m.ordinal,
    v.type || ' ' || coalesce(m.status_code::text, m.error, 'no answer'),
    json_build_object('event_type', v.type, 'status_code', m.status_code, 'error', m.error,
      'duration_ms', m.duration_ms)
  FROM endpoints e
  CROSS JOIN told v
  JOIN attempts m ON m.merchant_id = $1 AND m.endpoint_id = e.id AND m.event_id = v.id
  WHERE e.merchant_id = $1
  ORDER BY m.started_at LIMIT $5)
) entries
ORDER BY at, rank, id, ordinal
LIMIT $5;
