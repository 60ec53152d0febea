-- Written by expand_contract::build from the annotations: to change it, change them.
-- Migration uploads/sha256, generation 1, on SQLite: contract.
--
-- What the runner does, by what the sources tell of the table. On a database it goes by the catalogue: defaults,
-- indexes, constraints, foreign keys, sequences, statistics and grants of the old column are carried over as they are
-- there (docs/carry-over.md), and `Migration::plan` lists the statements.
--
--   1. drop the old columns and publish (lock: database write lock)
--      -- trigger ~expand_contract_05708d47_insert_old must be in place
--      -- trigger ~expand_contract_05708d47_update_old must be in place
--      -- trigger ~expand_contract_05708d47_insert_both must be in place
--      -- trigger ~expand_contract_05708d47_update_both must be in place
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_insert_old";
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_update_old";
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_insert_new";
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_update_new";
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_insert_both";
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_update_both";
--      ALTER TABLE "uploads" DROP COLUMN "checksum";
--
--   2. wait for instances (lock: none)
--      -- until every instance that serves migration uploads/sha256 has acknowledged the phase, or its lease has run out
--
-- That takes the runner: this file passes where it has been, and refuses where it has not.

CREATE TABLE IF NOT EXISTS expand_contract_migrations (id text NOT NULL, generation integer NOT NULL, table_name text NOT NULL, pass integer NOT NULL, phase text NOT NULL, old_incomplete integer NOT NULL DEFAULT 0, cleanup integer NOT NULL DEFAULT 0, epoch bigint NOT NULL DEFAULT 0, definition text NOT NULL, definition_hash text NOT NULL, reads text NOT NULL, writes text NOT NULL, backfilled integer NOT NULL DEFAULT 0, verified integer NOT NULL DEFAULT 0, mismatches bigint, runner text, created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, published bigint NOT NULL DEFAULT 0, settled integer NOT NULL DEFAULT 0, published_by text NOT NULL DEFAULT '', verified_hash text NOT NULL DEFAULT '', PRIMARY KEY (id, generation));
DROP TABLE IF EXISTS temp.expand_contract_guard;
CREATE TEMP TABLE expand_contract_guard (passes);
CREATE TEMP TRIGGER expand_contract_guard BEFORE INSERT ON expand_contract_guard WHEN NOT NEW.passes
BEGIN
  SELECT RAISE(ABORT, 'expand-contract: the runner has not run `contract` of migration `uploads/sha256` on this database. Let it: `Migration::advance_to(conn, Step::Contract)` in the application; then run this again');
END;
INSERT INTO expand_contract_guard SELECT EXISTS (SELECT 1 FROM expand_contract_migrations WHERE id = 'uploads/sha256' AND generation = 1 AND (pass > 1 OR pass = 1 AND phase = 'contracted' AND settled = 1));
DROP TABLE temp.expand_contract_guard;
