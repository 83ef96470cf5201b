-- name: write_line
INSERT INTO audit (merchant_id, id, actor, action, object_id, before, after, ip, request_id, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: older
SELECT id, actor, action, object_id, before, after, ip, request_id, at FROM audit
WHERE merchant_id = $1 AND id < $2 AND ($4::text IS NULL OR actor = $4) AND ($5::text IS NULL OR action LIKE $5)
  AND ($6::uuid IS NULL OR object_id = $6)
  AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8)
ORDER BY id DESC LIMIT $3;

-- name: newer
SELECT id, actor, action, object_id, before, after, ip, request_id, at FROM audit
WHERE merchant_id = $1 AND id > $2 AND ($4::text IS NULL OR actor = $4) AND ($5::text IS NULL OR action LIKE $5)
  AND ($6::uuid IS NULL OR object_id = $6)
  AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8)
ORDER BY id LIMIT $3;
