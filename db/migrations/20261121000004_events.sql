-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- Immutable facts, written with the change that caused them. `data` is kept as text, so that what is signed
-- tomorrow is what was decided today.
CREATE TABLE events (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  type text NOT NULL,
  object_id uuid NOT NULL,
  data json NOT NULL,
  api_version text NOT NULL,
  request_id text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, id)
);

-- Where events go. `patterns` are `events` as LIKE reads them; `secrets` are sealed, the newest first.
CREATE TABLE endpoints (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  url text NOT NULL,
  events text[] NOT NULL,
  patterns text[] NOT NULL,
  format text NOT NULL CHECK (format IN ('standard')),
  secrets bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('enabled', 'disabled', 'deleted')),
  description text,
  metadata json NOT NULL,
  api_version text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, id)
);

CREATE INDEX endpoints_enabled ON endpoints (id) WHERE state = 'enabled';

-- One event for one endpoint. The table is the queue: what is `due` is claimed by moving `due_at` to the end
-- of a lease, so a claim that is never answered comes round again.
CREATE TABLE deliveries (
  merchant_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id uuid NOT NULL,
  state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'filtered', 'dead')),
  attempts smallint NOT NULL DEFAULT 0,
  claims integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  settled_at timestamptz,
  PRIMARY KEY (merchant_id, endpoint_id, event_id),
  CHECK ((state = 'due') = (settled_at IS NULL))
) WITH (fillfactor = 70);

CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at) WHERE state = 'due';

-- One HTTP request.
CREATE TABLE attempts (
  merchant_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id uuid NOT NULL,
  ordinal smallint NOT NULL,
  started_at timestamptz NOT NULL,
  duration_ms integer NOT NULL,
  status_code smallint,
  error text,
  response text,
  body_sha256 bytea NOT NULL,
  PRIMARY KEY (merchant_id, endpoint_id, event_id, ordinal)
);

-- One inbound message of a processor, kept as it came. `due_at`: what does not apply yet is tried again then.
CREATE TABLE callbacks (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  event_key text NOT NULL,
  payment_id uuid,
  state text NOT NULL CHECK (state IN ('pending', 'processed', 'failed')),
  effect text NOT NULL,
  headers json NOT NULL,
  raw bytea NOT NULL,
  attempts smallint NOT NULL,
  due_at timestamptz,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, id),
  CHECK ((state = 'pending') = (due_at IS NOT NULL))
) WITH (fillfactor = 90);

CREATE INDEX callbacks_due ON callbacks (due_at) WHERE state = 'pending';

-- The gate of callbacks, kept for good.
CREATE TABLE seen_callbacks (
  merchant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  event_key text NOT NULL,
  callback_id uuid NOT NULL,
  PRIMARY KEY (merchant_id, connection_id, event_key)
);

-- Forged and stale ones: counted, the newest kept for inspection, without effect.
CREATE TABLE refused_callbacks (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  verdict text NOT NULL CHECK (verdict IN ('forged', 'stale', 'unreadable')),
  headers json NOT NULL,
  raw bytea NOT NULL,
  address text,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, connection_id, id)
);

CREATE TABLE callback_counts (
  merchant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  verdict text NOT NULL,
  total bigint NOT NULL,
  PRIMARY KEY (merchant_id, connection_id, verdict)
);

-- Who changed what, in the same transaction as the change. `seal` is given later, by a job.
CREATE TABLE audit (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  object_id uuid NOT NULL,
  before json,
  after json,
  ip text,
  request_id text,
  at timestamptz NOT NULL,
  seal bytea,
  PRIMARY KEY (merchant_id, id)
);
