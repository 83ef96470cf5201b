-- name: wallet_accounts
SELECT asset, posted, held_out FROM accounts
WHERE merchant_id = $1 AND owner = $2 AND code = 'wallet' ORDER BY asset;

-- name: merchant_accounts
SELECT code, asset, posted, held_out FROM accounts
WHERE merchant_id = $1 AND owner = 'merchant' ORDER BY code, asset;
