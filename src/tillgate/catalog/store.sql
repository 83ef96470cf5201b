-- name: service
SELECT id, title, slug, description, price, asset, price_unit, icon, features, status,
  stripe_buy_button_id, metadata, created_at, updated_at
FROM services WHERE merchant_id = $1 AND id = $2;

-- name: service_anywhere
SELECT s.merchant_id, m.livemode, s.id, s.title, s.slug, s.description, s.price, s.asset,
  s.price_unit, s.icon, s.features, s.status, s.stripe_buy_button_id, s.metadata, s.created_at,
  s.updated_at
FROM services s JOIN merchants m ON m.id = s.merchant_id
WHERE s.id = $1;

-- name: service_by_slug
SELECT id, title, slug, description, price, asset, price_unit, icon, features, status,
  stripe_buy_button_id, metadata, created_at, updated_at
FROM services WHERE merchant_id = $1 AND slug = $2;

-- name: published
SELECT id, title, slug, description, price, asset, price_unit, icon, features, status,
  stripe_buy_button_id, metadata, created_at, updated_at
FROM services WHERE merchant_id = $1 AND status = 'published' ORDER BY id LIMIT $2;

-- name: services_older
SELECT id, title, slug, description, price, asset, price_unit, icon, features, status,
  stripe_buy_button_id, metadata, created_at, updated_at
FROM services WHERE merchant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3;

-- name: services_newer
SELECT id, title, slug, description, price, asset, price_unit, icon, features, status,
  stripe_buy_button_id, metadata, created_at, updated_at
FROM services WHERE merchant_id = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: lock_merchant
-- Changes of a merchant's catalog come one after another, so that each sees what the others did.
SELECT m.livemode FROM merchants m WHERE m.id = $1 FOR NO KEY UPDATE;

-- name: count_services
SELECT count(*) FROM services WHERE merchant_id = $1;

-- name: create_service
INSERT INTO services (merchant_id, id, title, slug, description, price, asset, price_unit, icon,
  features, status, stripe_buy_button_id, metadata, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: change_service
UPDATE services SET title = $3, slug = $4, description = $5, price = $6, asset = $7,
  price_unit = $8, icon = $9, features = $10, status = $11, stripe_buy_button_id = $12,
  metadata = $13, updated_at = $14
WHERE merchant_id = $1 AND id = $2;

-- name: selling
-- $1: the SHA-256 of a key. `unnoted`: its last use was noted a minute ago or more.
SELECT p.merchant_id, m.livemode,
  p.last_used_at IS NULL OR p.last_used_at < now() - interval '1 minute' AS unnoted,
  p.id, p.name, p.slug, p.service_id, p.status, p.use_stripe_checkout, p.success_redirect_url,
  p.cancel_redirect_url, p.description, p.key_hint, p.last_used_at, p.created_at, p.updated_at,
  e.id, e.state, e.url,
  s.id, s.title, s.slug, s.description, s.price, s.asset, s.price_unit, s.icon, s.features,
  s.status, s.stripe_buy_button_id, s.metadata, s.created_at, s.updated_at
FROM providers p
JOIN merchants m ON m.id = p.merchant_id
JOIN services s ON s.merchant_id = p.merchant_id AND s.id = p.service_id
LEFT JOIN endpoints e
  ON e.merchant_id = p.merchant_id AND e.id = p.endpoint_id AND e.state <> 'deleted'
WHERE p.key_digest = $1 AND p.status = 'active';

-- name: note_use
-- Who holds the row writes it: nobody waits.
WITH used AS MATERIALIZED (
  SELECT p.merchant_id, p.id FROM providers p
  WHERE p.merchant_id = $1 AND p.id = $2
    AND (p.last_used_at IS NULL OR p.last_used_at < now() - interval '1 minute')
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE providers p SET last_used_at = now()
FROM used u WHERE p.merchant_id = u.merchant_id AND p.id = u.id;

-- name: provider
SELECT p.id, p.name, p.slug, p.service_id, p.status, p.use_stripe_checkout, p.success_redirect_url,
  p.cancel_redirect_url, p.description, p.key_hint, p.last_used_at, p.created_at, p.updated_at,
  e.id, e.state, e.url
FROM providers p
LEFT JOIN endpoints e
  ON e.merchant_id = p.merchant_id AND e.id = p.endpoint_id AND e.state <> 'deleted'
WHERE p.merchant_id = $1 AND p.id = $2;

-- name: provider_by_slug
SELECT id FROM providers WHERE merchant_id = $1 AND slug = $2;

-- name: providers_older
SELECT p.id, p.name, p.slug, p.service_id, p.status, p.use_stripe_checkout, p.success_redirect_url,
  p.cancel_redirect_url, p.description, p.key_hint, p.last_used_at, p.created_at, p.updated_at,
  e.id, e.state, e.url
FROM providers p
LEFT JOIN endpoints e
  ON e.merchant_id = p.merchant_id AND e.id = p.endpoint_id AND e.state <> 'deleted'
WHERE p.merchant_id = $1 AND p.id < $2 ORDER BY p.id DESC LIMIT $3;

-- name: providers_newer
SELECT p.id, p.name, p.slug, p.service_id, p.status, p.use_stripe_checkout, p.success_redirect_url,
  p.cancel_redirect_url, p.description, p.key_hint, p.last_used_at, p.created_at, p.updated_at,
  e.id, e.state, e.url
FROM providers p
LEFT JOIN endpoints e
  ON e.merchant_id = p.merchant_id AND e.id = p.endpoint_id AND e.state <> 'deleted'
WHERE p.merchant_id = $1 AND p.id > $2 ORDER BY p.id LIMIT $3;

-- name: count_providers
SELECT count(*) FROM providers WHERE merchant_id = $1;

-- name: create_provider
INSERT INTO providers (merchant_id, id, name, slug, service_id, status, use_stripe_checkout,
  success_redirect_url, cancel_redirect_url, description, key_hint, last_used_at, created_at,
  updated_at, endpoint_id, key_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);

-- name: change_provider
UPDATE providers SET name = $3, slug = $4, service_id = $5, status = $6, use_stripe_checkout = $7,
  success_redirect_url = $8, cancel_redirect_url = $9, description = $10, endpoint_id = $11,
  updated_at = $12
WHERE merchant_id = $1 AND id = $2;

-- name: roll_key
UPDATE providers SET key_digest = $3, key_hint = $4, updated_at = $5
WHERE merchant_id = $1 AND id = $2;
