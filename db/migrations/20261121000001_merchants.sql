-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- A business has two merchants, one live and one test; a merchant is the tenant and owns every row below.
CREATE TABLE businesses (
  id uuid PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL
);

CREATE TABLE merchants (
  id uuid PRIMARY KEY,
  business_id uuid NOT NULL REFERENCES businesses (id),
  livemode boolean NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL,
  UNIQUE (business_id, livemode)
);

-- Only the digest of a key is kept; `hint` is what a person may see of it.
CREATE TABLE api_keys (
  merchant_id uuid NOT NULL REFERENCES merchants (id),
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('secret', 'publishable')),
  digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
  hint text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (merchant_id, id)
);

-- A merchant's account at a processor. A callback names it by id alone, hence the second unique key.
CREATE TABLE connections (
  merchant_id uuid NOT NULL REFERENCES merchants (id),
  id uuid NOT NULL UNIQUE,
  connector text NOT NULL,
  name text NOT NULL,
  state text NOT NULL CHECK (state IN ('enabled', 'disabled')),
  priority integer NOT NULL DEFAULT 0,
  settings json NOT NULL,
  credentials bytea NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, id)
);
