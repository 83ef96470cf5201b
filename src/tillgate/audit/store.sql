-- name: write_line
INSERT INTO audit (merchant_id, id, actor, action, object_id, before, after, ip, request_id, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
