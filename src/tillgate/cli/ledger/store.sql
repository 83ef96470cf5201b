-- What `tillgate ledger check` reads: one merchant at a time, by keys, so that it takes little memory.

-- name: next_merchant
-- The first after $1 of whom there is anything in the books.
SELECT merchant_id FROM (
  (SELECT merchant_id FROM accounts WHERE merchant_id > $1 ORDER BY merchant_id LIMIT 1)
  UNION ALL
  (SELECT merchant_id FROM transfers WHERE merchant_id > $1 ORDER BY merchant_id LIMIT 1)
  UNION ALL
  (SELECT merchant_id FROM holds WHERE merchant_id > $1 ORDER BY merchant_id LIMIT 1)
) m ORDER BY merchant_id LIMIT 1;

-- name: merchant_exists
SELECT EXISTS (SELECT FROM merchants WHERE id = $1);

-- name: size_of_all
-- How often a transfer touches an account: how much there is to read.
SELECT coalesce(sum(version), 0)::bigint FROM (SELECT merchant_id, version FROM accounts) a;

-- name: size_of_merchant
SELECT coalesce(sum(version), 0)::bigint FROM accounts WHERE merchant_id = $1;

-- name: accounts_after
SELECT owner, code, asset, id, posted, held_out, held_in, version FROM accounts
WHERE merchant_id = $1 AND (owner, code, asset) > ($2, $3, $4)
ORDER BY owner, code, asset LIMIT $5;

-- name: sides
-- Each transfer of the accounts $2, as each of them sees it, in the order of the account's versions; the transfer's
-- columns stand as in ledger.model. `kept`: a hold has its row.
SELECT s.* FROM unnest($2::uuid[]) AS a (id) CROSS JOIN LATERAL (
  (SELECT a.id AS account_id, d.debit_version AS version, true AS debits,
    d.kind <> 'hold' OR EXISTS (SELECT FROM holds h WHERE h.merchant_id = d.merchant_id AND h.id = d.id) AS kept,
    d.merchant_id, d.id, d.kind, d.debit_id, d.credit_id, d.asset, d.amount, d.hold_id, d.reverses, d.group_id,
    d.code, d.cause, d.ref, d.expires_at, d.effective_at, d.created_at, d.debit_version, d.debit_after,
    d.credit_version, d.credit_after, d.digest, d.meta, d.debit_held, d.credit_held
  FROM transfers d WHERE d.merchant_id = $1 AND d.debit_id = a.id
   ORDER BY d.debit_version)
  UNION ALL
  (SELECT a.id, c.credit_version, false, true,
    c.merchant_id, c.id, c.kind, c.debit_id, c.credit_id, c.asset, c.amount, c.hold_id, c.reverses, c.group_id,
    c.code, c.cause, c.ref, c.expires_at, c.effective_at, c.created_at, c.debit_version, c.debit_after,
    c.credit_version, c.credit_after, c.digest, c.meta, c.debit_held, c.credit_held
  FROM transfers c WHERE c.merchant_id = $1 AND c.credit_id = a.id
   ORDER BY c.credit_version)
  ORDER BY version
) s;

-- name: holds_after
-- Holds as they are stored, and as their transfers tell them. Only a test clock may bring an expiry forward.
SELECT h.id,
  h.debit_owner, h.debit_code, h.credit_owner, h.credit_code, h.asset, h.amount, h.posted, h.state,
  h.reference, h.expires_at,
  d.owner AS told_debit_owner, d.code AS told_debit_code, c.owner AS told_credit_owner, c.code AS told_credit_code,
  t.asset AS told_asset, t.amount AS told_amount, coalesce(r.amount, 0) AS told_posted,
  CASE WHEN t.id IS NULL THEN NULL WHEN r.id IS NULL THEN 'held' WHEN r.kind = 'post' THEN 'posted'
    WHEN r.code = 'hold_expired' THEN 'expired' ELSE 'voided' END AS told_state,
  t.ref AS told_reference,
  CASE WHEN h.expires_at < t.expires_at AND NOT m.livemode THEN h.expires_at ELSE t.expires_at END AS told_expires_at
FROM holds h
JOIN merchants m ON m.id = h.merchant_id
LEFT JOIN transfers t ON t.merchant_id = h.merchant_id AND t.id = h.id AND t.kind = 'hold'
LEFT JOIN transfers r ON r.merchant_id = h.merchant_id AND r.hold_id = h.id
LEFT JOIN accounts d ON d.merchant_id = t.merchant_id AND d.id = t.debit_id
LEFT JOIN accounts c ON c.merchant_id = t.merchant_id AND c.id = t.credit_id
WHERE h.merchant_id = $1 AND h.id > $2 ORDER BY h.id LIMIT $3;

-- name: unbalanced
SELECT asset, sum(posted) AS posted, sum(held_out) AS held_out, sum(held_in) AS held_in FROM accounts
WHERE merchant_id = $1 GROUP BY asset HAVING sum(posted) <> 0 OR sum(held_out) <> sum(held_in) ORDER BY asset;

-- name: repeated_causes
SELECT cause, count(*) AS times FROM transfers
WHERE merchant_id = $1 GROUP BY cause HAVING count(*) > 1 ORDER BY cause LIMIT $2;

-- name: homeless_transfers
-- Those of an account that is not there.
SELECT t.id, t.debit_id, t.credit_id FROM transfers t
WHERE t.merchant_id = $1 AND NOT (
  EXISTS (SELECT FROM accounts a WHERE a.merchant_id = t.merchant_id AND a.id = t.debit_id AND a.asset = t.asset)
  AND EXISTS (SELECT FROM accounts a WHERE a.merchant_id = t.merchant_id AND a.id = t.credit_id AND a.asset = t.asset))
ORDER BY t.id LIMIT $2;
