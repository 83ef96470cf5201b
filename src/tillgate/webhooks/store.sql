-- name: fan_out
INSERT INTO deliveries (merchant_id, endpoint_id, event_id, due_at, created_at)
SELECT n.merchant_id, e.id, n.id, n.created_at, n.created_at
FROM {new} n
JOIN endpoints e ON e.merchant_id = n.merchant_id
WHERE e.state = 'enabled' AND n.type LIKE ANY (e.patterns)
  AND (e.provider IS NULL OR e.provider = n.data -> 'metadata' ->> 'providerId');

-- name: claim
-- Endpoints take turns, beginning after the one served last ($1), so that the first of many busy ones
-- cannot take all slots each time. $2 and $3: what is in flight here, by endpoint. $4: how much one
-- endpoint may have in flight; $5: free slots in all; $6: the lease, in seconds.
WITH turns AS MATERIALIZED (
  SELECT e.merchant_id, e.id, $4::integer - coalesce(b.in_flight, 0) AS free
  FROM endpoints e
  LEFT JOIN unnest($2::uuid[], $3::integer[]) AS b (id, in_flight) ON b.id = e.id
  WHERE e.state = 'enabled' AND coalesce(b.in_flight, 0) < $4
  ORDER BY e.id <= $1::uuid, e.id
),
taken AS MATERIALIZED (
  SELECT d.merchant_id, d.endpoint_id, d.event_id
  FROM turns t
  CROSS JOIN LATERAL (
    SELECT q.merchant_id, q.endpoint_id, q.event_id
    FROM deliveries q
    WHERE q.merchant_id = t.merchant_id AND q.endpoint_id = t.id
      AND q.state = 'due' AND q.due_at <= now()
    ORDER BY q.due_at
    LIMIT t.free
    FOR NO KEY UPDATE SKIP LOCKED
  ) d
  LIMIT $5
)
UPDATE deliveries d
SET due_at = now() + make_interval(secs => $6), claims = d.claims + 1
FROM taken k
JOIN endpoints e ON e.merchant_id = k.merchant_id AND e.id = k.endpoint_id
JOIN events v ON v.merchant_id = k.merchant_id AND v.id = k.event_id
JOIN merchants m ON m.id = k.merchant_id
WHERE d.merchant_id = k.merchant_id AND d.endpoint_id = k.endpoint_id AND d.event_id = k.event_id
RETURNING d.merchant_id, d.endpoint_id, d.event_id, d.claims, d.attempts, d.attempts_before,
  clock_timestamp(), e.url, e.format, e.secrets, m.livemode, v.type, v.data, v.api_version,
  v.created_at,
  CASE WHEN e.format = 'provider' THEN (
    SELECT o.reference FROM processor_objects o
    WHERE o.merchant_id = v.merchant_id AND o.payment_id = v.object_id AND o.kind = 'charge'
      AND o.created_at <= v.created_at
    ORDER BY o.created_at DESC, o.reference LIMIT 1) END;

-- name: record
-- Only what is still ours: `claims` has not moved on since our claim, and `attempts` not since our
-- count, so that a statement whose answer was lost can be sent again.
WITH finished AS MATERIALIZED (
  SELECT f.*
  FROM json_to_recordset($1::json) AS f (
    merchant_id uuid, endpoint_id uuid, event_id uuid, claims integer, attempts smallint, state text,
    wait_s double precision, started_at timestamptz, duration_ms integer, status_code smallint,
    error text, response text, body_sha256 text, audit_id uuid)
),
settled AS (
  UPDATE deliveries d
  SET state = f.state,
    attempts = d.attempts + 1,
    due_at = CASE f.state WHEN 'due' THEN now() + make_interval(secs => f.wait_s) ELSE d.due_at END,
    settled_at = CASE f.state WHEN 'due' THEN NULL ELSE now() END
  FROM finished f
  WHERE d.merchant_id = f.merchant_id AND d.endpoint_id = f.endpoint_id AND d.event_id = f.event_id
    AND d.state = 'due' AND d.claims = f.claims AND d.attempts = f.attempts
  RETURNING f.*
),
noted AS (
  INSERT INTO attempts (merchant_id, endpoint_id, event_id, ordinal, started_at, duration_ms,
    status_code, error, response, body_sha256)
  SELECT merchant_id, endpoint_id, event_id, attempts + 1, started_at, duration_ms,
    status_code, error, response, decode(body_sha256, 'hex')
  FROM settled
),
disabled AS (
  UPDATE endpoints e
  SET state = 'disabled', updated_at = now()
  FROM settled s
  WHERE e.merchant_id = s.merchant_id AND e.id = s.endpoint_id
    AND e.state = 'enabled' AND s.audit_id IS NOT NULL
  RETURNING s.merchant_id, s.endpoint_id, s.audit_id
),
audited AS (
  INSERT INTO audit (merchant_id, id, actor, action, object_id, before, after, at)
  SELECT merchant_id, audit_id, 'worker', 'webhook_endpoint.disable', endpoint_id,
    '{"state":"enabled"}'::json, '{"state":"disabled","reason":"410 Gone"}'::json, now()
  FROM disabled
)
SELECT state FROM settled;

-- name: settle_deleted
-- What is still due of deleted endpoints: too many for the deletion, or written beside it.
WITH rest AS MATERIALIZED (
  SELECT d.merchant_id, d.endpoint_id, d.event_id
  FROM endpoints e
  CROSS JOIN LATERAL (
    SELECT q.merchant_id, q.endpoint_id, q.event_id
    FROM deliveries q
    WHERE q.merchant_id = e.merchant_id AND q.endpoint_id = e.id AND q.state = 'due'
    LIMIT $1
    FOR NO KEY UPDATE SKIP LOCKED
  ) d
  WHERE e.state = 'deleted'
  LIMIT $1
)
UPDATE deliveries d
SET state = 'filtered', settled_at = now()
FROM rest r
WHERE d.merchant_id = r.merchant_id AND d.endpoint_id = r.endpoint_id AND d.event_id = r.event_id;

-- name: create_endpoint
-- $9: how many endpoints the merchant may have; with that many already, no row is answered.
-- $10 to $13: the audit line's id, actor, address and request.
WITH made AS (
  INSERT INTO endpoints (merchant_id, id, url, events, patterns, format, secrets, state,
    description, metadata, api_version, created_at, updated_at, provider)
  SELECT $1, $2, $3, $4, $5, $16, $6, 'enabled', $7, $8, $14, $15, $15, $17
  WHERE (SELECT count(*) FROM endpoints WHERE merchant_id = $1 AND state <> 'deleted') < $9::bigint
  RETURNING merchant_id, id, url, events, created_at
)
INSERT INTO audit (merchant_id, id, actor, action, object_id, after, ip, request_id, at)
SELECT merchant_id, $10, $11, 'webhook_endpoint.create', id,
  json_build_object('url', url, 'events', events), $12, $13, created_at
FROM made
RETURNING object_id;

-- name: move_endpoint
WITH moved AS (
  UPDATE endpoints SET url = $3, updated_at = $4
  WHERE merchant_id = $1 AND id = $2 AND state <> 'deleted'
  RETURNING merchant_id, id, url, updated_at
)
INSERT INTO audit (merchant_id, id, actor, action, object_id, after, ip, request_id, at)
SELECT merchant_id, $5, $6, 'webhook_endpoint.update', id, json_build_object('url', url), $7, $8,
  updated_at
FROM moved
RETURNING object_id;

-- name: renew_secret
WITH renewed AS (
  UPDATE endpoints SET secrets = $3, updated_at = $4
  WHERE merchant_id = $1 AND id = $2 AND state <> 'deleted'
  RETURNING merchant_id, id, updated_at
)
INSERT INTO audit (merchant_id, id, actor, action, object_id, after, ip, request_id, at)
SELECT merchant_id, $5, $6, 'webhook_endpoint.renew_secret', id, '{}'::json, $7, $8, updated_at
FROM renewed
RETURNING object_id;

-- name: send_anew
-- Whatever became of a delivery, it is due now, and its schedule begins again. An attempt that is
-- under way meanwhile, which shows in its claim, loses that.
WITH again AS (
  UPDATE deliveries
  SET state = 'due', due_at = $4, settled_at = NULL, attempts_before = attempts,
    claims = claims + (claims > attempts)::integer
  WHERE merchant_id = $1 AND endpoint_id = $2 AND event_id = $3
  RETURNING merchant_id, event_id
)
INSERT INTO audit (merchant_id, id, actor, action, object_id, after, ip, request_id, at)
SELECT merchant_id, $5, $6, 'webhook_delivery.retry', event_id,
  json_build_object('endpoint', $2::uuid), $7, $8, $4
FROM again
RETURNING object_id;

-- name: send_test
-- For one endpoint alone: no fan-out comes by here.
WITH told AS (
  INSERT INTO events (merchant_id, id, type, object_id, data, api_version, request_id, created_at)
  SELECT e.merchant_id, $3, 'webhook.test', e.id, $4, $5, $10, $6 FROM endpoints e
  WHERE e.merchant_id = $1 AND e.id = $2 AND e.state = 'enabled'
  RETURNING merchant_id, id, object_id, created_at
),
sent AS (
  INSERT INTO deliveries (merchant_id, endpoint_id, event_id, due_at, created_at)
  SELECT merchant_id, object_id, id, created_at, created_at FROM told
)
INSERT INTO audit (merchant_id, id, actor, action, object_id, after, ip, request_id, at)
SELECT merchant_id, $7, $8, 'webhook_endpoint.test', object_id, json_build_object('event', id), $9,
  $10, created_at
FROM told
RETURNING object_id;

-- name: delete_endpoint
-- $4: how many open deliveries are settled here at most. $5 to $8: as above.
WITH deleted AS (
  UPDATE endpoints SET state = 'deleted', updated_at = $3
  WHERE merchant_id = $1 AND id = $2 AND state <> 'deleted'
  RETURNING merchant_id, id, url, updated_at
),
open AS MATERIALIZED (
  SELECT q.merchant_id, q.endpoint_id, q.event_id
  FROM deliveries q
  JOIN deleted e ON q.merchant_id = e.merchant_id AND q.endpoint_id = e.id
  WHERE q.state = 'due'
  LIMIT $4
  FOR NO KEY UPDATE OF q SKIP LOCKED
),
settled AS (
  UPDATE deliveries d SET state = 'filtered', settled_at = $3
  FROM open o
  WHERE d.merchant_id = o.merchant_id AND d.endpoint_id = o.endpoint_id AND d.event_id = o.event_id
)
INSERT INTO audit (merchant_id, id, actor, action, object_id, after, ip, request_id, at)
SELECT merchant_id, $5, $6, 'webhook_endpoint.delete', id,
  json_build_object('url', url, 'state', 'deleted'), $7, $8, updated_at
FROM deleted
RETURNING object_id;

-- name: endpoint_by_id
SELECT id, url, events, format, state, description, metadata, created_at, provider FROM endpoints
WHERE merchant_id = $1 AND id = $2 AND state <> 'deleted';

-- name: endpoints_older
SELECT id, url, events, format, state, description, metadata, created_at, provider FROM endpoints
WHERE merchant_id = $1 AND id < $2 AND state <> 'deleted'
ORDER BY id DESC LIMIT $3;

-- name: endpoints_newer
SELECT id, url, events, format, state, description, metadata, created_at, provider FROM endpoints
WHERE merchant_id = $1 AND id > $2 AND state <> 'deleted'
ORDER BY id LIMIT $3;

-- name: deliveries_older
SELECT d.event_id, v.type, d.state, d.due_at, d.created_at, d.settled_at
FROM deliveries d
JOIN events v ON v.merchant_id = d.merchant_id AND v.id = d.event_id
WHERE d.merchant_id = $1 AND d.endpoint_id = $2 AND d.event_id < $3
ORDER BY d.event_id DESC LIMIT $4;

-- name: deliveries_newer
SELECT d.event_id, v.type, d.state, d.due_at, d.created_at, d.settled_at
FROM deliveries d
JOIN events v ON v.merchant_id = d.merchant_id AND v.id = d.event_id
WHERE d.merchant_id = $1 AND d.endpoint_id = $2 AND d.event_id > $3
ORDER BY d.event_id LIMIT $4;

-- name: attempts_of
SELECT event_id, ordinal, started_at, duration_ms, status_code, error, response
FROM attempts
WHERE merchant_id = $1 AND endpoint_id = $2 AND event_id = ANY ($3::uuid[])
ORDER BY event_id, ordinal;
