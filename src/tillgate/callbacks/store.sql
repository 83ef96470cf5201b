-- name: due
UPDATE callbacks SET due_at = clock_timestamp() + interval '30 seconds'
WHERE (merchant_id, id) IN (
  SELECT merchant_id, id FROM callbacks
  WHERE state = 'pending' AND due_at <= clock_timestamp()
  ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING merchant_id, id, connection_id, event_key, headers, raw;

-- name: count
INSERT INTO callback_counts (merchant_id, connection_id, verdict, total)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])
ORDER BY 1, 2, 3
ON CONFLICT (merchant_id, connection_id, verdict)
DO UPDATE SET total = callback_counts.total + excluded.total;

-- name: keep_refused
INSERT INTO refused_callbacks
  (merchant_id, id, connection_id, verdict, headers, raw, address, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: prune_refused
DELETE FROM refused_callbacks r
WHERE r.merchant_id = $1 AND r.connection_id = $2 AND r.id < (
  SELECT k.id FROM refused_callbacks k
  WHERE k.merchant_id = $1 AND k.connection_id = $2
  ORDER BY k.id DESC OFFSET $3 LIMIT 1);
