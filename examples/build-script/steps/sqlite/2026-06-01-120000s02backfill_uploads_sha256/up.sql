-- Written by expand_contract::build from the annotations: to change it, change them.
-- Migration uploads/sha256, generation 1, on SQLite: backfill.
--
-- What the runner does, by what the sources tell of the table. On a database it goes by the catalogue: defaults,
-- indexes, constraints, foreign keys, sequences, statistics and grants of the old column are carried over as they are
-- there (docs/carry-over.md), and `Migration::plan` lists the statements.
--
--   1. copy (lock: database write lock)
--      UPDATE "uploads" SET "sha256" = (unhex("checksum")) WHERE <key range> AND NOT (((("sha256" IS NOT NULL OR "checksum" IS NULL) AND ("sha256" COLLATE BINARY IS ((unhex("checksum"))) COLLATE BINARY)) OR ("checksum" COLLATE BINARY IS ((lower(hex("sha256")))) COLLATE BINARY)));
--
--   2. analyze (lock: database write lock)
--      ANALYZE "uploads";
--
-- That takes the runner: this file passes where it has been, and refuses where it has not.

DROP TABLE IF EXISTS temp.expand_contract_guard;
CREATE TEMP TABLE expand_contract_guard (passes);
CREATE TEMP TRIGGER expand_contract_guard BEFORE INSERT ON expand_contract_guard WHEN NOT NEW.passes
BEGIN
  SELECT RAISE(ABORT, 'expand-contract: the runner has not run `backfill` of migration `uploads/sha256` on this database. Let it: `Migration::advance_to(conn, Step::Backfill)` in the application; then run this again');
END;
INSERT INTO expand_contract_guard SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'expand_contract_migrations');
INSERT INTO expand_contract_guard SELECT EXISTS (SELECT 1 FROM expand_contract_migrations WHERE id = 'uploads/sha256' AND generation = 1 AND (pass > 1 OR pass = 1 AND phase = 'expanded' AND backfilled = 1 OR pass = 1 AND phase IN ('switched', 'retired', 'contracted')));
DROP TABLE temp.expand_contract_guard;
