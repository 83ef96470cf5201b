-- Wallets with money in them: what transfers are between. $1: merchant; $2: id of its account of
-- what is available; $3: ids of the wallets' accounts; $4: ids of the transfers that funded them;
-- $5: how much is in each.
WITH wanted AS MATERIALIZED (
  SELECT $1::uuid AS merchant_id, s.*, $5::bigint AS amount, now() AS now
  FROM unnest($3::uuid[], $4::uuid[]) WITH ORDINALITY AS s (account_id, transfer_id, number)
),
merchant AS (
  INSERT INTO accounts (merchant_id, owner, code, asset, id, posted, version, created_at, moved_at)
  SELECT merchant_id, 'merchant', 'available', 'eur', $2::uuid, -sum(amount), count(*), now, now
  FROM wanted GROUP BY merchant_id, now
),
wallet AS (
  INSERT INTO accounts (merchant_id, owner, code, asset, id, posted, floor, version, created_at,
    moved_at)
  SELECT merchant_id, 'user:u-' || lpad(number::text, 4, '0'), 'wallet', 'eur', account_id, amount,
    0, 1, now, now
  FROM wanted
),
line AS (
  INSERT INTO audit (merchant_id, id, actor, action, object_id, at)
  SELECT merchant_id, transfer_id, 'bench', 'wallet.credit', transfer_id, now FROM wanted
)
INSERT INTO transfers (merchant_id, id, kind, debit_id, credit_id, asset, amount, group_id, code,
  cause, effective_at, created_at, debit_version, debit_after, debit_held, credit_version,
  credit_after, credit_held, digest)
SELECT merchant_id, transfer_id, 'direct', $2::uuid, account_id, 'eur', amount, transfer_id,
  'wallet_credit', transfer_id::text, now, now, number, -number * amount, 0, 1, amount, 0,
  sha256(transfer_id::text::bytea)
FROM wanted;
