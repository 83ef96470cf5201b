-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- What Tillgate's programs are while they work: they may do what they must, and no more.
DO $$ BEGIN
  CREATE ROLE tillgate_app NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT tillgate_app TO CURRENT_USER;
GRANT USAGE ON SCHEMA public TO tillgate_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tillgate_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tillgate_app;
REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM tillgate_app;
REVOKE UPDATE, DELETE ON transfers, audit, events, seen_callbacks FROM tillgate_app;
REVOKE DELETE ON accounts, holds, payments, operations, processor_objects, callbacks FROM tillgate_app;
