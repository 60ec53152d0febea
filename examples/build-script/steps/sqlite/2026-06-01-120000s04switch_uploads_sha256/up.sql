-- Written by expand_contract::build from the annotations: to change it, change them.
-- Migration uploads/sha256, generation 1, on SQLite: switch.
--
-- What the runner does, by what the sources tell of the table. On a database it goes by the catalogue: defaults,
-- indexes, constraints, foreign keys, sequences, statistics and grants of the old column are carried over as they are
-- there (docs/carry-over.md), and `Migration::plan` lists the statements.
--
--   1. compare (lock: database write lock, briefly)
--      SELECT count(*) FROM "uploads" WHERE <key range> AND ((((("sha256" IS NOT NULL OR "checksum" IS NULL) AND ("sha256" COLLATE BINARY IS ((unhex("checksum"))) COLLATE BINARY)) OR ("checksum" COLLATE BINARY IS ((lower(hex("sha256")))) COLLATE BINARY))) IS NOT TRUE OR "sha256" IS NULL OR (("checksum" COLLATE BINARY IS ((lower(hex("sha256")))) COLLATE BINARY)) IS NOT TRUE);
--
--   2. wait for older snapshots (lock: none)
--      -- until no transaction is open that began before
--
--   3. publish switched (lock: none)
--      -- trigger ~expand_contract_05708d47_insert_old must be in place
--      -- trigger ~expand_contract_05708d47_update_old must be in place
--      -- trigger ~expand_contract_05708d47_insert_both must be in place
--      -- trigger ~expand_contract_05708d47_update_both must be in place
--      -- trigger ~expand_contract_05708d47_insert_new must be in place
--      -- trigger ~expand_contract_05708d47_update_new must be in place
--
--   4. wait for instances (lock: none)
--      -- until every instance that serves migration uploads/sha256 has acknowledged the phase, or its lease has run out
--
-- That takes the runner: this file passes where it has been, and refuses where it has not.

DROP TABLE IF EXISTS temp.expand_contract_guard;
CREATE TEMP TABLE expand_contract_guard (passes);
CREATE TEMP TRIGGER expand_contract_guard BEFORE INSERT ON expand_contract_guard WHEN NOT NEW.passes
BEGIN
  SELECT RAISE(ABORT, 'expand-contract: the runner has not run `switch` of migration `uploads/sha256` on this database. Let it: `Migration::advance_to(conn, Step::Switch)` in the application; then run this again');
END;
INSERT INTO expand_contract_guard SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'expand_contract_migrations');
INSERT INTO expand_contract_guard SELECT EXISTS (SELECT 1 FROM expand_contract_migrations WHERE id = 'uploads/sha256' AND generation = 1 AND (pass > 1 OR pass = 1 AND phase = 'switched' AND settled = 1 OR pass = 1 AND phase IN ('retired', 'contracted')));
DROP TABLE temp.expand_contract_guard;
