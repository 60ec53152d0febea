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

DROP TABLE IF EXISTS temp.expand_contract_guard;
CREATE TEMP TABLE expand_contract_guard (passes);
CREATE TEMP TRIGGER expand_contract_guard BEFORE INSERT ON expand_contract_guard WHEN NOT NEW.passes
BEGIN
  SELECT RAISE(ABORT, 'expand-contract: the runner has not run `contract` of migration `uploads/sha256` on this database. Let it: `Migration::advance_to(conn, Step::Contract)` in the application; then run this again');
END;
INSERT INTO expand_contract_guard SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'expand_contract_migrations');
INSERT INTO expand_contract_guard SELECT EXISTS (SELECT 1 FROM expand_contract_migrations WHERE id = 'uploads/sha256' AND generation = 1 AND (pass > 1 OR pass = 1 AND phase = 'contracted' AND settled = 1));
DROP TABLE temp.expand_contract_guard;
