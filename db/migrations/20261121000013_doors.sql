-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- What is sold, at a unit price.
CREATE TABLE services (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  title text NOT NULL,
  slug text NOT NULL,
  description text,
  price bigint NOT NULL CHECK (price > 0),
  asset text NOT NULL,
  price_unit text,
  icon text,
  features text[] NOT NULL,
  status text NOT NULL CHECK (status IN ('draft', 'published')),
  stripe_buy_button_id text,
  metadata json NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, id),
  UNIQUE (merchant_id, slug),
  UNIQUE (id)
);

-- A site that sells one service through the merchant's checkout. Of its key only a digest is kept.
CREATE TABLE providers (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  slug text NOT NULL,
  service_id uuid NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'inactive')),
  use_stripe_checkout boolean NOT NULL,
  success_redirect_url text,
  cancel_redirect_url text,
  description text,
  endpoint_id uuid,
  key_digest bytea NOT NULL CHECK (length(key_digest) = 32),
  key_hint text NOT NULL,
  last_used_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, id),
  UNIQUE (merchant_id, slug),
  UNIQUE (key_digest),
  FOREIGN KEY (merchant_id, service_id) REFERENCES services (merchant_id, id)
);

-- A provider's own id of an order: the same id is the same order.
CREATE TABLE provider_orders (
  merchant_id uuid NOT NULL,
  provider_id uuid NOT NULL,
  external_id text NOT NULL,
  order_id uuid NOT NULL,
  PRIMARY KEY (merchant_id, provider_id, external_id)
);

-- Addresses that name no merchant name an order, or a payment that is for one. Hashed, so that nothing is listed
-- across merchants by it.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX orders_anywhere ON orders USING hash (id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX payments_of_orders_anywhere ON payments USING hash (id) WHERE order_id IS NOT NULL;

-- `open`: what its payer chose to pay is what was asked.
ALTER TABLE payments
  -- squawk-ignore ban-drop-constraint
  DROP CONSTRAINT payments_policy,
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT payments_policy CHECK (amount_policy IN ('review', 'accept', 'open'));

-- `provider` (`prov_…`): only what is about this provider's payments is sent there.
ALTER TABLE endpoints
  ADD COLUMN provider text,
  -- squawk-ignore ban-drop-constraint
  DROP CONSTRAINT endpoints_format_check,
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT endpoints_format_check CHECK (format IN ('standard', 'gateway', 'provider'));

-- `attempts_before`: attempts that came before it was last sent anew by hand; its schedule begins after them.
ALTER TABLE deliveries ADD COLUMN attempts_before smallint NOT NULL DEFAULT 0;

-- Who works: a row for each worker, renewed while it does.
CREATE TABLE workers (
  id uuid PRIMARY KEY,
  started_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL
);

REVOKE DELETE ON services, providers, provider_orders FROM tillgate_app;
