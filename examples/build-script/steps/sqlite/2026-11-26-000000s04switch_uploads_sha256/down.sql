-- Written by expand_contract::build from the annotations: to change it, change them.
-- Migration uploads/sha256, generation 1, on SQLite: switch.
--
-- This file passes where the runner has undone the step, and refuses where it has not.

CREATE TABLE IF NOT EXISTS expand_contract_migrations (id text NOT NULL, generation integer NOT NULL, table_name text NOT NULL, pass integer NOT NULL, phase text NOT NULL, old_incomplete integer NOT NULL DEFAULT 0, cleanup integer NOT NULL DEFAULT 0, epoch bigint NOT NULL DEFAULT 0, definition text NOT NULL, definition_hash text NOT NULL, reads text NOT NULL, writes text NOT NULL, backfilled integer NOT NULL DEFAULT 0, verified integer NOT NULL DEFAULT 0, mismatches bigint, runner text, created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, published bigint NOT NULL DEFAULT 0, settled integer NOT NULL DEFAULT 0, published_by text NOT NULL DEFAULT '', verified_hash text NOT NULL DEFAULT '', PRIMARY KEY (id, generation));
DROP TABLE IF EXISTS temp.expand_contract_guard;
CREATE TEMP TABLE expand_contract_guard (passes);
CREATE TEMP TRIGGER expand_contract_guard BEFORE INSERT ON expand_contract_guard WHEN NOT NEW.passes
BEGIN
  SELECT RAISE(ABORT, 'expand-contract: `switch` of migration `uploads/sha256` stands. Undo it with `Migration::rollback(conn)` in the application (there is no way back behind `contract`); then run this again');
END;
INSERT INTO expand_contract_guard SELECT NOT EXISTS (SELECT 1 FROM expand_contract_migrations WHERE id = 'uploads/sha256' AND generation = 1 AND NOT (pass < 1 OR pass = 1 AND phase IN ('original', 'expanded') AND cleanup = 0));
DROP TABLE temp.expand_contract_guard;
