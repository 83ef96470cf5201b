-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- Two-phase transfers. A hold moves nothing yet; one later transfer, at most, posts it (whole or in part) or voids it.
-- `*_held`: what is held out of each account after the transfer, beside what is posted after it.
ALTER TABLE transfers
  ADD COLUMN debit_held bigint NOT NULL DEFAULT 0 CHECK (debit_held >= 0),
  ADD COLUMN credit_held bigint NOT NULL DEFAULT 0 CHECK (credit_held >= 0),
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT transfers_expiry CHECK (expires_at IS NULL OR kind = 'hold'),
  -- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint
  ADD CONSTRAINT transfers_hold FOREIGN KEY (merchant_id, hold_id) REFERENCES transfers (merchant_id, id);

-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX transfers_resolution ON transfers (merchant_id, hold_id) WHERE hold_id IS NOT NULL;

-- `moved_at`: when its last transfer was, so that times rise with versions. What is frozen grants no wish.
ALTER TABLE accounts ADD COLUMN moved_at timestamptz NOT NULL DEFAULT now();
-- squawk-ignore renaming-column
ALTER TABLE accounts RENAME COLUMN closed TO frozen;

-- Never written: the index above says the same.
-- squawk-ignore ban-drop-table
DROP TABLE hold_resolutions;

-- A hold as it stands now; one that is still held is due when it expires.
CREATE TABLE holds (
  merchant_id uuid NOT NULL,
  id uuid NOT NULL,
  debit_owner text NOT NULL,
  debit_code text NOT NULL,
  credit_owner text NOT NULL,
  credit_code text NOT NULL,
  asset text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  posted bigint NOT NULL CHECK (posted BETWEEN 0 AND amount),
  state text NOT NULL CHECK (state IN ('held', 'posted', 'voided', 'expired')),
  reference text,
  description text,
  expires_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, id),
  FOREIGN KEY (merchant_id, id) REFERENCES transfers (merchant_id, id),
  CHECK ((state = 'posted') = (posted > 0))
) WITH (fillfactor = 80);

CREATE INDEX holds_due ON holds (expires_at) WHERE state = 'held' AND expires_at IS NOT NULL;
CREATE INDEX holds_of_owner ON holds (merchant_id, debit_owner, id);

-- What the merchant allows a wallet: so much at once, so much a day, so much in it.
CREATE TABLE wallet_limits (
  merchant_id uuid NOT NULL,
  owner text NOT NULL,
  code text NOT NULL,
  asset text NOT NULL,
  debit_max bigint CHECK (debit_max >= 0),
  day_max bigint CHECK (day_max >= 0),
  balance_max bigint CHECK (balance_max >= 0),
  day date NOT NULL,
  spent bigint NOT NULL CHECK (spent >= 0),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, owner, code, asset)
);

-- An account changes by its transfers only: as many as its version rises by, which move and hold what it says.
CREATE FUNCTION account_follows_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  version_before bigint := coalesce(OLD.version, 0);
  moved_here bigint := NEW.posted - coalesce(OLD.posted, 0);
  out_here bigint := NEW.held_out - coalesce(OLD.held_out, 0);
  in_here bigint := NEW.held_in - coalesce(OLD.held_in, 0);
  steps bigint;
  moved bigint;
  held_out bigint;
  held_in bigint;
BEGIN
  -- Ordered, so that the plan takes the right index even when it was made on an empty table.
  SELECT count(*), coalesce(sum(s.moved), 0), coalesce(sum(s.held_out), 0), coalesce(sum(s.held_in), 0)
  INTO steps, moved, held_out, held_in FROM (
    (SELECT CASE WHEN t.kind IN ('direct', 'post') THEN -t.amount ELSE 0 END AS moved,
       CASE WHEN t.kind = 'hold' THEN t.amount WHEN t.kind = 'direct' THEN 0 ELSE -(
         SELECT h.amount FROM transfers h WHERE h.merchant_id = t.merchant_id
           AND h.id BETWEEN t.hold_id AND t.hold_id ORDER BY h.id LIMIT 1) END AS held_out,
       0 AS held_in
     FROM transfers t
     WHERE t.merchant_id = NEW.merchant_id AND t.debit_id = NEW.id
       AND t.debit_version > version_before AND t.debit_version <= NEW.version
     ORDER BY t.debit_version)
    UNION ALL
    (SELECT CASE WHEN t.kind IN ('direct', 'post') THEN t.amount ELSE 0 END, 0,
       CASE WHEN t.kind = 'hold' THEN t.amount WHEN t.kind = 'direct' THEN 0 ELSE -(
         SELECT h.amount FROM transfers h WHERE h.merchant_id = t.merchant_id
           AND h.id BETWEEN t.hold_id AND t.hold_id ORDER BY h.id LIMIT 1) END
     FROM transfers t
     WHERE t.merchant_id = NEW.merchant_id AND t.credit_id = NEW.id
       AND t.credit_version > version_before AND t.credit_version <= NEW.version
     ORDER BY t.credit_version)
  ) s;
  IF (steps, moved, held_out, held_in) <> (NEW.version - version_before, moved_here, out_here, in_here) THEN
    RAISE EXCEPTION 'account % changes by % in % steps, its transfers say % in %',
      NEW.id, moved_here, NEW.version - version_before, moved, steps
      USING ERRCODE = 'check_violation', CONSTRAINT = 'account_follows_transfers';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER follows_transfers AFTER UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN ((OLD.version, OLD.posted, OLD.held_out, OLD.held_in)
    IS DISTINCT FROM (NEW.version, NEW.posted, NEW.held_out, NEW.held_in))
  EXECUTE FUNCTION account_follows_transfers();
CREATE CONSTRAINT TRIGGER begins_with_transfers AFTER INSERT ON accounts DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION account_follows_transfers();

-- A hold is resolved between its own accounts, for no more than it holds.
CREATE FUNCTION resolution_fits_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM transfers h WHERE h.merchant_id = NEW.merchant_id AND h.id = NEW.hold_id AND h.kind = 'hold'
      AND h.debit_id = NEW.debit_id AND h.credit_id = NEW.credit_id AND h.amount >= NEW.amount
  ) THEN
    RAISE EXCEPTION 'transfer % does not fit hold %', NEW.id, NEW.hold_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'resolution_fits_hold';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER fits_hold AFTER INSERT ON transfers DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.hold_id IS NOT NULL) EXECUTE FUNCTION resolution_fits_hold();

-- What happened to one object.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX audit_of_object ON audit (merchant_id, object_id, id);
