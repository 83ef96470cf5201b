-- name: event_by_id
SELECT id, type, data, api_version, created_at FROM events WHERE merchant_id = $1 AND id = $2;

-- name: older
SELECT id, type, data, api_version, created_at FROM events
WHERE merchant_id = $1 AND id < $2 AND ($4::text IS NULL OR type LIKE $4)
  AND ($5::uuid IS NULL OR object_id = $5)
ORDER BY id DESC LIMIT $3;

-- name: newer
SELECT id, type, data, api_version, created_at FROM events
WHERE merchant_id = $1 AND id > $2 AND ($4::text IS NULL OR type LIKE $4)
  AND ($5::uuid IS NULL OR object_id = $5)
ORDER BY id LIMIT $3;
