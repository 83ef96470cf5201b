-- One transfer between two wallets: the rows of POST /v1/wallets/transfers, as one statement. It is
-- between another pair each time, out of one of the first few wallets. answer, audit and request
-- are texts that Tillgate itself wrote for such a transfer. Both accounts are locked in the order
-- of their keys before either changes: without that, pairs deadlock.
\set sender random(1, :senders)
\set step random(1, :wallets - 1)
\set receiver (:sender + :step - 1) % :wallets + 1
WITH locked AS MATERIALIZED (
  SELECT merchant_id, owner, code, asset, moved_at FROM accounts
  WHERE merchant_id = :merchant::uuid AND code = 'wallet' AND asset = 'eur'
    AND owner IN (
      :users || lpad(:sender::text, 4, '0'), :users || lpad(:receiver::text, 4, '0'))
  ORDER BY owner
  FOR NO KEY UPDATE
),
wish AS MATERIALIZED (
  SELECT uuidv7() AS id, 1999 AS amount, greatest(now(), max(moved_at)) AS at FROM locked
),
moved AS (
  UPDATE accounts a
  SET posted = a.posted + CASE WHEN a.owner = :users || lpad(:sender::text, 4, '0')
      THEN -w.amount ELSE w.amount END,
    version = a.version + 1, moved_at = w.at
  FROM locked l CROSS JOIN wish w
  WHERE a.merchant_id = l.merchant_id AND a.owner = l.owner AND a.code = l.code
    AND a.asset = l.asset
  RETURNING a.*
),
transfer AS (
  INSERT INTO transfers (merchant_id, id, kind, debit_id, credit_id, asset, amount, group_id, code,
    cause, ref, effective_at, created_at, debit_version, debit_after, debit_held, credit_version,
    credit_after, credit_held, digest)
  SELECT d.merchant_id, w.id, 'direct', d.id, c.id, d.asset, w.amount, w.id, 'wallet_transfer',
    'tr_' || left(w.id::text, 26), :reference, now(), w.at, d.version, d.posted, d.held_out,
    c.version, c.posted, c.held_out, sha256(w.id::text::bytea)
  FROM wish w
  JOIN moved d ON d.owner = :users || lpad(:sender::text, 4, '0')
  JOIN moved c ON c.owner = :users || lpad(:receiver::text, 4, '0')
  RETURNING merchant_id, id, created_at
),
gate AS (
  INSERT INTO idempotency_keys (merchant_id, key, digest, object_id, state, status_code, body,
    created_at)
  SELECT merchant_id, gen_random_uuid()::text, sha256(:answer::bytea), id, 'done', 201, :answer,
    created_at
  FROM transfer
)
INSERT INTO audit (merchant_id, id, actor, action, object_id, after, ip, request_id, at)
SELECT merchant_id, uuidv7(), :actor, 'wallet.transfer', id, :audit::json, '127.0.0.1', :request,
  created_at
FROM transfer;
