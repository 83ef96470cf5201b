-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- `assets`, `amount_min`, `amount_max`: which payments may go this way; null: any. `allowed_networks`: from where its
-- callbacks may come; null: from anywhere. `amount_policy`: what becomes of less money than was asked. `hints`: what a
-- person may see of the credentials.
ALTER TABLE connections
  ADD COLUMN assets text[],
  ADD COLUMN amount_min bigint,
  ADD COLUMN amount_max bigint,
  ADD COLUMN allowed_networks text[],
  ADD COLUMN amount_policy text NOT NULL DEFAULT 'review',
  ADD COLUMN hints json NOT NULL DEFAULT '{}',
  ADD COLUMN environment text,
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT connections_amounts CHECK (
    coalesce(amount_min, 1) > 0 AND coalesce(amount_max, amount_min, 1) >= coalesce(amount_min, 1)),
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT connections_policy CHECK (amount_policy IN ('review', 'accept'));

-- What was asked of a payer beside a redirect: what our own page shows.
ALTER TABLE tries ADD COLUMN way json;

-- `routed`: we chose the connection, so another one may take its place. `amount_policy`: its connection's.
ALTER TABLE payments
  ADD COLUMN routed boolean NOT NULL DEFAULT false,
  ADD COLUMN amount_policy text NOT NULL DEFAULT 'review',
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT payments_policy CHECK (amount_policy IN ('review', 'accept'));

REVOKE DELETE ON connections FROM tillgate_app;
