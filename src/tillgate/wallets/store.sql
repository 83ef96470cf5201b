-- Reads of wallets. `owner` is `user:` and the user's id.

-- name: wallet_accounts
SELECT id, asset, posted, held_out, version, frozen FROM accounts
WHERE merchant_id = $1 AND owner = $2 AND code = 'wallet' ORDER BY asset;

-- name: wallet_account
SELECT id FROM accounts
WHERE merchant_id = $1 AND owner = $2 AND code = 'wallet' AND asset = $3;

-- name: limits
SELECT * FROM wallet_limits
WHERE merchant_id = $1 AND owner = $2 AND code = 'wallet' AND asset = $3;

-- The last transfer of an account up to a moment, found by halving: times rise with versions. $3: its version now.
-- name: balance_at
WITH RECURSIVE halving (low, high) AS (
  SELECT 0::bigint, $3::bigint
  UNION ALL
  SELECT CASE WHEN m.created_at <= $4 THEN m.middle ELSE h.low END,
    CASE WHEN m.created_at <= $4 THEN h.high ELSE m.middle - 1 END
  FROM halving h CROSS JOIN LATERAL (
    SELECT (h.low + h.high + 1) / 2 AS middle, t.created_at FROM (
      SELECT d.created_at FROM transfers d
      WHERE d.merchant_id = $1 AND d.debit_id = $2 AND d.debit_version = (h.low + h.high + 1) / 2
      UNION ALL
      SELECT c.created_at FROM transfers c
      WHERE c.merchant_id = $1 AND c.credit_id = $2 AND c.credit_version = (h.low + h.high + 1) / 2
    ) t
  ) m
  WHERE h.low < h.high
), last AS (SELECT low AS version FROM halving WHERE low = high)
SELECT d.debit_after AS posted, d.debit_held AS held_out FROM transfers d, last
WHERE d.merchant_id = $1 AND d.debit_id = $2 AND d.debit_version = last.version
UNION ALL
SELECT c.credit_after, c.credit_held FROM transfers c, last
WHERE c.merchant_id = $1 AND c.credit_id = $2 AND c.credit_version = last.version;

-- name: version_of
SELECT CASE WHEN debit_id = $2 THEN debit_version ELSE credit_version END FROM transfers
WHERE merchant_id = $1 AND id = $3 AND $2 IN (debit_id, credit_id);

-- name: statement_older
SELECT * FROM (
  (SELECT id, code, -amount AS amount, debit_after AS posted, debit_held AS held, ref, meta, created_at,
     debit_version AS version
   FROM transfers WHERE merchant_id = $1 AND debit_id = $2 AND debit_version < $3 AND kind IN ('direct', 'post')
     AND ($5::timestamptz IS NULL OR created_at >= $5) AND ($6::timestamptz IS NULL OR created_at < $6)
   ORDER BY debit_version DESC LIMIT $4)
  UNION ALL
  (SELECT id, code, amount, credit_after, credit_held, ref, meta, created_at, credit_version
   FROM transfers WHERE merchant_id = $1 AND credit_id = $2 AND credit_version < $3 AND kind IN ('direct', 'post')
     AND ($5::timestamptz IS NULL OR created_at >= $5) AND ($6::timestamptz IS NULL OR created_at < $6)
   ORDER BY credit_version DESC LIMIT $4)
) s ORDER BY version DESC LIMIT $4;

-- name: statement_newer
SELECT * FROM (
  (SELECT id, code, -amount AS amount, debit_after AS posted, debit_held AS held, ref, meta, created_at,
     debit_version AS version
   FROM transfers WHERE merchant_id = $1 AND debit_id = $2 AND debit_version > $3 AND kind IN ('direct', 'post')
     AND ($5::timestamptz IS NULL OR created_at >= $5) AND ($6::timestamptz IS NULL OR created_at < $6)
   ORDER BY debit_version LIMIT $4)
  UNION ALL
  (SELECT id, code, amount, credit_after, credit_held, ref, meta, created_at, credit_version
   FROM transfers WHERE merchant_id = $1 AND credit_id = $2 AND credit_version > $3 AND kind IN ('direct', 'post')
     AND ($5::timestamptz IS NULL OR created_at >= $5) AND ($6::timestamptz IS NULL OR created_at < $6)
   ORDER BY credit_version LIMIT $4)
) s ORDER BY version LIMIT $4;

-- name: hold_by_id
SELECT h.* FROM holds h WHERE h.merchant_id = $1 AND h.debit_owner = $2 AND h.id = $3;

-- name: holds_older
SELECT h.* FROM holds h
WHERE h.merchant_id = $1 AND h.debit_owner = $2 AND h.id < $3 AND ($5::text IS NULL OR h.state = $5)
ORDER BY h.id DESC LIMIT $4;

-- name: holds_newer
SELECT h.* FROM holds h
WHERE h.merchant_id = $1 AND h.debit_owner = $2 AND h.id > $3 AND ($5::text IS NULL OR h.state = $5)
ORDER BY h.id LIMIT $4;

-- The sweeper's: across merchants. Whoever settles one locks it, so that two workers cannot both.
-- name: expired_holds
SELECT h.merchant_id, m.livemode, h.id FROM holds h JOIN merchants m ON m.id = h.merchant_id
WHERE h.state = 'held' AND h.expires_at <= clock_timestamp() ORDER BY h.expires_at LIMIT $1;
