-- What `tillgate doctor` reads of merchants' tables: the whole installation is its patient, so its
-- statements are bound to no merchant. Each is bounded, by LIMIT or by an index on what is due.

-- name: overdue
-- Rows that a worker should have taken $1 seconds ago; of each kind at most $2 are counted.
SELECT
  (SELECT count(*) FROM (
    SELECT d.merchant_id
    FROM endpoints e
    CROSS JOIN LATERAL (
      SELECT q.merchant_id
      FROM deliveries q
      WHERE q.merchant_id = e.merchant_id AND q.endpoint_id = e.id
        AND q.state = 'due' AND q.due_at < now() - make_interval(secs => $1)
      LIMIT $2
    ) d
    WHERE e.state = 'enabled'
    LIMIT $2) x) AS deliveries,
  (SELECT count(*) FROM (
    SELECT merchant_id FROM operations
    WHERE due_at < now() - make_interval(secs => $1) LIMIT $2) x) AS looks,
  (SELECT count(*) FROM (
    SELECT merchant_id FROM callbacks
    WHERE state = 'pending' AND due_at < now() - make_interval(secs => $1) LIMIT $2) x) AS callbacks,
  (SELECT count(*) FROM (
    SELECT p.merchant_id FROM payments p
    WHERE p.status = 'pending' AND p.expires_at < now() - make_interval(secs => $1)
      AND NOT EXISTS (
        SELECT 1 FROM operations o
        WHERE o.merchant_id = p.merchant_id AND o.payment_id = p.id
          AND o.state IN ('submitted', 'unknown'))
    LIMIT $2) x) AS expiries,
  (SELECT count(*) FROM (
    SELECT merchant_id FROM holds
    WHERE state = 'held' AND expires_at < now() - make_interval(secs => $1) LIMIT $2) x) AS holds;

-- name: merchants
-- $1: how many at most, the newest first.
SELECT m.id AS merchant_id, m.livemode,
  EXISTS (
    SELECT 1 FROM api_keys k
    WHERE k.merchant_id = m.id AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > now())) AS has_keys,
  count(c.id) AS connections,
  count(c.id) FILTER (WHERE c.state = 'enabled') AS enabled
FROM merchants m
LEFT JOIN connections c ON c.merchant_id = m.id
GROUP BY m.id
ORDER BY m.id DESC
LIMIT $1;

-- name: connections
-- $1: how many at most, the newest first.
SELECT c.merchant_id, c.id, c.connector, c.name, c.credentials, c.settings, m.livemode
FROM connections c JOIN merchants m ON m.id = c.merchant_id ORDER BY c.id DESC LIMIT $1;

-- name: endpoints
-- $1: how many at most, the newest first.
SELECT merchant_id, id, secrets, state FROM endpoints
WHERE state <> 'deleted' ORDER BY id DESC LIMIT $1;

-- name: failed_callbacks
-- Those since the id $1, which begins with a time; of each merchant at most $2 are counted.
SELECT m.id AS merchant_id, count(*) AS failed
FROM merchants m
CROSS JOIN LATERAL (
  SELECT c.merchant_id FROM callbacks c
  WHERE c.merchant_id = m.id AND c.id > $1 AND c.state = 'failed' LIMIT $2
) f
GROUP BY m.id
ORDER BY m.id DESC;

-- name: forged_callbacks
-- The same for each connection, of what was refused for its signature.
SELECT c.merchant_id, c.id AS connection_id, c.name, count(*) AS forged
FROM connections c
CROSS JOIN LATERAL (
  SELECT r.merchant_id FROM refused_callbacks r
  WHERE r.merchant_id = c.merchant_id AND r.connection_id = c.id AND r.id > $1
    AND r.verdict = 'forged'
  LIMIT $2
) f
GROUP BY c.merchant_id, c.id, c.name
ORDER BY c.id DESC;
