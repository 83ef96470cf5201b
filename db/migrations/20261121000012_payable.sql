-- migrate:up
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '60s';

-- A charge that has failed, and that its payer can pay at the processor all the same.
ALTER TABLE processor_objects
  ADD COLUMN payable boolean NOT NULL DEFAULT false
    CONSTRAINT processor_objects_payable CHECK (NOT payable OR state = 'failed');
