-- name: merchant_accounts
SELECT code, asset, posted, held_out, held_in FROM accounts
WHERE merchant_id = $1 AND owner = 'merchant' ORDER BY code, asset;
