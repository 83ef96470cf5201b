-- name: due
UPDATE callbacks SET due_at = clock_timestamp() + interval '30 seconds'
WHERE (merchant_id, id) IN (
  SELECT merchant_id, id FROM callbacks
  WHERE state = 'pending' AND hint IS NULL AND due_at <= clock_timestamp()
  ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING merchant_id, id, connection_id, event_key, attempts, headers, raw;

-- name: due_hints
UPDATE callbacks SET due_at = clock_timestamp() + interval '30 seconds'
WHERE (merchant_id, id) IN (
  SELECT merchant_id, id FROM callbacks
  WHERE state = 'pending' AND hint IS NOT NULL AND due_at <= clock_timestamp()
  ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING merchant_id, id, connection_id, event_key, hint, attempts, headers, raw;

-- name: begun_elsewhere
SELECT EXISTS (
  SELECT FROM connections c
  JOIN payment_references r ON r.merchant_id = $1 AND r.connection_id = c.id
  WHERE c.merchant_id = $1 AND c.id <> $2 AND r.reference = ANY ($3::text[]));

-- name: mark_look
-- When the look at the charge $3 begins; nothing when the last one is less than $5 ago.
UPDATE callbacks SET looked_at = clock_timestamp()
WHERE merchant_id = $1 AND connection_id = $2 AND hint = $3 AND id = $4 AND NOT EXISTS (
  SELECT FROM callbacks o
  WHERE o.merchant_id = $1 AND o.connection_id = $2 AND o.hint = $3
    AND o.looked_at > clock_timestamp() - $5::interval)
RETURNING looked_at;

-- name: look_later
UPDATE callbacks SET due_at = clock_timestamp() + $3::interval
WHERE merchant_id = $1 AND id = ANY ($2::uuid[]) AND state = 'pending';

-- name: follow
-- What became of $4 becomes of all hints at its charge that came before the look that began at $5.
WITH others AS MATERIALIZED (
  SELECT merchant_id, id FROM callbacks
  WHERE merchant_id = $1 AND connection_id = $2 AND hint = $3 AND state = 'pending'
    AND id <> $4 AND received_at <= $5
  ORDER BY id FOR UPDATE SKIP LOCKED)
UPDATE callbacks c SET state = l.state, effect = l.effect, payment_id = l.payment_id,
  attempts = l.attempts, due_at = l.due_at
FROM others o, callbacks l
WHERE l.merchant_id = $1 AND l.id = $4 AND c.merchant_id = o.merchant_id AND c.id = o.id;

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

-- name: dead_letters
SELECT c.connector, count(*) AS total FROM callbacks b
JOIN connections c ON c.merchant_id = b.merchant_id AND c.id = b.connection_id
WHERE b.state = 'failed' GROUP BY 1;

-- name: callback_by_id
SELECT id, connection_id, payment_id, state, 'genuine' AS verdict, effect, event_key, hint,
  attempts, due_at, NULL::text AS address, received_at, headers, raw
FROM callbacks WHERE merchant_id = $1 AND id = $2;

-- name: refused_by_id
SELECT id, connection_id, NULL::uuid AS payment_id, 'refused' AS state, verdict, 'refused' AS effect,
  NULL::text AS event_key, NULL::text AS hint, 0::smallint AS attempts, NULL::timestamptz AS due_at,
  address, received_at, headers, raw
FROM refused_callbacks WHERE merchant_id = $1 AND id = $2;

-- name: older
SELECT id, connection_id, payment_id, state, 'genuine' AS verdict, effect, event_key, hint,
  attempts, due_at, NULL::text AS address, received_at
FROM callbacks
WHERE merchant_id = $1 AND id < $2
  AND ($4::uuid IS NULL OR connection_id = $4)
  AND ($5::text IS NULL OR state = $5)
  AND ($6::uuid IS NULL OR payment_id = $6)
ORDER BY id DESC LIMIT $3;

-- name: newer
SELECT id, connection_id, payment_id, state, 'genuine' AS verdict, effect, event_key, hint,
  attempts, due_at, NULL::text AS address, received_at
FROM callbacks
WHERE merchant_id = $1 AND id > $2
  AND ($4::uuid IS NULL OR connection_id = $4)
  AND ($5::text IS NULL OR state = $5)
  AND ($6::uuid IS NULL OR payment_id = $6)
ORDER BY id LIMIT $3;

-- name: refused_older
SELECT id, connection_id, NULL::uuid AS payment_id, 'refused' AS state, verdict, 'refused' AS effect,
  NULL::text AS event_key, NULL::text AS hint, 0::smallint AS attempts, NULL::timestamptz AS due_at,
  address, received_at
FROM refused_callbacks
WHERE merchant_id = $1 AND id < $2 AND ($4::uuid IS NULL OR connection_id = $4)
ORDER BY id DESC LIMIT $3;

-- name: refused_newer
SELECT id, connection_id, NULL::uuid AS payment_id, 'refused' AS state, verdict, 'refused' AS effect,
  NULL::text AS event_key, NULL::text AS hint, 0::smallint AS attempts, NULL::timestamptz AS due_at,
  address, received_at
FROM refused_callbacks
WHERE merchant_id = $1 AND id > $2 AND ($4::uuid IS NULL OR connection_id = $4)
ORDER BY id LIMIT $3;

-- name: replay
-- Due at once, with all its tries before it.
UPDATE callbacks SET state = 'pending', effect = 'replay', attempts = 0, due_at = $3
WHERE merchant_id = $1 AND id = $2
RETURNING id, connection_id, payment_id, state, 'genuine' AS verdict, effect, event_key, hint,
  attempts, due_at, NULL::text AS address, received_at, headers, raw;

-- name: before_replay
SELECT state, effect, attempts FROM callbacks
WHERE merchant_id = $1 AND id = $2 FOR NO KEY UPDATE;
