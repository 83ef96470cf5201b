-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- Double entry in one row: a transfer debits one account and credits another, so it balances by construction.
-- The rules live in ledger/rules.py; what follows repeats them, so that no path can book otherwise.
CREATE TABLE accounts (
  merchant_id uuid NOT NULL,
  owner text NOT NULL,
  code text NOT NULL,
  asset text NOT NULL,
  id uuid NOT NULL,
  posted bigint NOT NULL DEFAULT 0,
  held_out bigint NOT NULL DEFAULT 0 CHECK (held_out >= 0),
  held_in bigint NOT NULL DEFAULT 0 CHECK (held_in >= 0),
  floor bigint,
  version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
  closed boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, owner, code, asset),
  -- `id` first, or the planner takes this index for look-ups by owner
  UNIQUE (id, merchant_id, asset),
  CONSTRAINT accounts_no_overdraft CHECK (floor IS NULL OR posted - held_out >= floor)
) WITH (fillfactor = 50);

CREATE TABLE transfers (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('direct', 'hold', 'post', 'void')),
  debit_id uuid NOT NULL,
  credit_id uuid NOT NULL CHECK (debit_id <> credit_id),
  asset text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0 OR (kind = 'void' AND amount = 0)),
  hold_id uuid,
  reverses uuid,
  group_id uuid NOT NULL,
  code text NOT NULL,
  cause text NOT NULL,
  ref text,
  expires_at timestamptz,
  effective_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  debit_version bigint NOT NULL,
  debit_after bigint NOT NULL,
  credit_version bigint NOT NULL,
  credit_after bigint NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32),
  meta json,
  PRIMARY KEY (merchant_id, id),
  -- one fact books once, whatever the path
  CONSTRAINT transfers_cause UNIQUE (merchant_id, cause),
  -- a gap or a repeat is a lost update; the balance at any version is one look-up
  CONSTRAINT transfers_debit_version UNIQUE (merchant_id, debit_id, debit_version),
  CONSTRAINT transfers_credit_version UNIQUE (merchant_id, credit_id, credit_version),
  CHECK ((kind IN ('post', 'void')) = (hold_id IS NOT NULL)),
  FOREIGN KEY (debit_id, merchant_id, asset) REFERENCES accounts (id, merchant_id, asset),
  FOREIGN KEY (credit_id, merchant_id, asset) REFERENCES accounts (id, merchant_id, asset)
);

-- A hold is resolved at most once.
CREATE TABLE hold_resolutions (
  merchant_id uuid NOT NULL,
  hold_id uuid NOT NULL,
  by_id uuid NOT NULL,
  PRIMARY KEY (merchant_id, hold_id),
  FOREIGN KEY (merchant_id, hold_id) REFERENCES transfers (merchant_id, id),
  FOREIGN KEY (merchant_id, by_id) REFERENCES transfers (merchant_id, id)
);

CREATE FUNCTION forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is forbidden: it is append-only', tg_op, tg_table_name USING ERRCODE = '42501';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON transfers
  FOR EACH ROW EXECUTE FUNCTION forbid_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON transfers
  FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON hold_resolutions
  FOR EACH ROW EXECUTE FUNCTION forbid_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON hold_resolutions
  FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
