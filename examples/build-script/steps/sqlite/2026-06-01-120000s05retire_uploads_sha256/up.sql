-- Written by expand_contract::build from the annotations: to change it, change them.
-- Migration uploads/sha256, generation 1, on SQLite: retire.
--
-- What the runner does, by what the sources tell of the table. On a database it goes by the catalogue: defaults,
-- indexes, constraints, foreign keys, sequences, statistics and grants of the old column are carried over as they are
-- there (docs/carry-over.md), and `Migration::plan` lists the statements.
--
--   1. wait for statements on their way (lock: none)
--      -- until every instance that serves migration uploads/sha256 has acknowledged the phase, or its lease has run out
--
--   2. publish retired (lock: database write lock)
--      -- trigger ~expand_contract_05708d47_insert_old must be in place
--      -- trigger ~expand_contract_05708d47_update_old must be in place
--      -- trigger ~expand_contract_05708d47_insert_both must be in place
--      -- trigger ~expand_contract_05708d47_update_both must be in place
--      -- trigger ~expand_contract_05708d47_insert_new must be in place
--      -- trigger ~expand_contract_05708d47_update_new must be in place
--      -- sqlite_schema: column checksum loses NOT NULL, has no default, loses its CHECKs
--      -- sqlite_schema: column sha256 gets NOT NULL, has no default, loses its CHECKs
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_insert_old";
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_update_old";
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_insert_new";
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_update_new";
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_insert_both";
--      DROP TRIGGER IF EXISTS "~expand_contract_05708d47_update_both";
--      CREATE TRIGGER "~expand_contract_05708d47_insert_old" AFTER INSERT ON "uploads" WHEN (NEW."sha256" IS NULL) AND NEW."checksum" IS NOT NULL AND NOT (((NEW."sha256" IS NOT NULL OR NEW."checksum" IS NULL) AND (NEW."sha256" COLLATE BINARY IS ((unhex(NEW."checksum"))) COLLATE BINARY)) OR (NEW."checksum" COLLATE BINARY IS ((lower(hex(NEW."sha256")))) COLLATE BINARY)) BEGIN UPDATE "uploads" SET "sha256" = (unhex("checksum")) WHERE rowid IS NEW.rowid AND NOT ((("sha256" IS NOT NULL OR "checksum" IS NULL) AND ("sha256" COLLATE BINARY IS ((unhex("checksum"))) COLLATE BINARY)) OR ("checksum" COLLATE BINARY IS ((lower(hex("sha256")))) COLLATE BINARY)); INSERT INTO expand_contract_quarantine (id, generation, row_key, reason) SELECT 'uploads/sha256', 1, coalesce(CAST(NEW."id" AS TEXT), 'NULL'), 'it gives NULL' WHERE NEW."checksum" IS NOT NULL AND ((unhex(NEW."checksum"))) IS NULL AND NOT (NEW."checksum" IS ((lower(hex(NULL))))) AND NOT EXISTS (SELECT 1 FROM expand_contract_quarantine WHERE id = 'uploads/sha256' AND generation = 1 AND row_key = coalesce(CAST(NEW."id" AS TEXT), 'NULL')); INSERT INTO expand_contract_strangers (id, generation, side, backend, application, role_name, writes, first_seen, last_seen) VALUES ('uploads/sha256', 1, 'old', 0, '', '', 1, strftime('%Y-%m-%d %H:%M:%f', 'now'), strftime('%Y-%m-%d %H:%M:%f', 'now')) ON CONFLICT (id, generation, side, backend, application, role_name) DO UPDATE SET writes = writes + 1, last_seen = excluded.last_seen; END;
--      CREATE TRIGGER "~expand_contract_05708d47_update_old" AFTER UPDATE ON "uploads" WHEN NOT (NEW."checksum" COLLATE BINARY IS (OLD."checksum") COLLATE BINARY) AND (NEW."sha256" COLLATE BINARY IS (OLD."sha256") COLLATE BINARY) AND NOT (NEW."checksum" COLLATE BINARY IS ((lower(hex(NEW."sha256")))) COLLATE BINARY) BEGIN UPDATE "uploads" SET "sha256" = (unhex("checksum")) WHERE rowid IS NEW.rowid AND NOT ((("sha256" IS NOT NULL OR "checksum" IS NULL) AND ("sha256" COLLATE BINARY IS ((unhex("checksum"))) COLLATE BINARY)) OR ("checksum" COLLATE BINARY IS ((lower(hex("sha256")))) COLLATE BINARY)); INSERT INTO expand_contract_quarantine (id, generation, row_key, reason) SELECT 'uploads/sha256', 1, coalesce(CAST(NEW."id" AS TEXT), 'NULL'), 'it gives NULL' WHERE NEW."checksum" IS NOT NULL AND ((unhex(NEW."checksum"))) IS NULL AND NOT (NEW."checksum" IS ((lower(hex(NULL))))) AND NOT EXISTS (SELECT 1 FROM expand_contract_quarantine WHERE id = 'uploads/sha256' AND generation = 1 AND row_key = coalesce(CAST(NEW."id" AS TEXT), 'NULL')); INSERT INTO expand_contract_strangers (id, generation, side, backend, application, role_name, writes, first_seen, last_seen) VALUES ('uploads/sha256', 1, 'old', 0, '', '', 1, strftime('%Y-%m-%d %H:%M:%f', 'now'), strftime('%Y-%m-%d %H:%M:%f', 'now')) ON CONFLICT (id, generation, side, backend, application, role_name) DO UPDATE SET writes = writes + 1, last_seen = excluded.last_seen; END;
--      CREATE TRIGGER "~expand_contract_05708d47_insert_both" BEFORE INSERT ON "uploads" WHEN NOT (NEW."sha256" IS NULL OR NEW."checksum" IS NULL) AND NOT (((NEW."sha256" IS NOT NULL OR NEW."checksum" IS NULL) AND (NEW."sha256" COLLATE BINARY IS ((unhex(NEW."checksum"))) COLLATE BINARY)) OR (NEW."checksum" COLLATE BINARY IS ((lower(hex(NEW."sha256")))) COLLATE BINARY)) BEGIN SELECT RAISE(ABORT, 'columns checksum and sha256 of uploads were given values that do not belong together: write one of the two, or both through expand-contract'); END;
--      CREATE TRIGGER "~expand_contract_05708d47_update_both" BEFORE UPDATE ON "uploads" WHEN NOT (NEW."checksum" COLLATE BINARY IS (OLD."checksum") COLLATE BINARY) AND NOT (NEW."sha256" COLLATE BINARY IS (OLD."sha256") COLLATE BINARY) AND NOT (((NEW."sha256" IS NOT NULL OR NEW."checksum" IS NULL) AND (NEW."sha256" COLLATE BINARY IS ((unhex(NEW."checksum"))) COLLATE BINARY)) OR (NEW."checksum" COLLATE BINARY IS ((lower(hex(NEW."sha256")))) COLLATE BINARY)) BEGIN SELECT RAISE(ABORT, 'columns checksum and sha256 of uploads were given values that do not belong together: write one of the two, or both through expand-contract'); END;
--      CREATE TRIGGER "~expand_contract_05708d47_insert_new" AFTER INSERT ON "uploads" WHEN NEW."sha256" IS NOT NULL AND (NEW."checksum" IS NULL) AND NOT (((NEW."sha256" IS NOT NULL OR NEW."checksum" IS NULL) AND (NEW."sha256" COLLATE BINARY IS ((unhex(NEW."checksum"))) COLLATE BINARY)) OR (NEW."checksum" COLLATE BINARY IS ((lower(hex(NEW."sha256")))) COLLATE BINARY)) AND NOT (NEW."sha256" COLLATE BINARY IS ((unhex(NEW."checksum"))) COLLATE BINARY) BEGIN UPDATE "uploads" SET "checksum" = (lower(hex("sha256"))) WHERE rowid IS NEW.rowid AND NOT ((("sha256" IS NOT NULL OR "checksum" IS NULL) AND ("sha256" COLLATE BINARY IS ((unhex("checksum"))) COLLATE BINARY)) OR ("checksum" COLLATE BINARY IS ((lower(hex("sha256")))) COLLATE BINARY));  END;
--      CREATE TRIGGER "~expand_contract_05708d47_update_new" AFTER UPDATE ON "uploads" WHEN (NEW."checksum" COLLATE BINARY IS (OLD."checksum") COLLATE BINARY) AND NOT (NEW."sha256" COLLATE BINARY IS (OLD."sha256") COLLATE BINARY) AND NOT (NEW."sha256" COLLATE BINARY IS ((unhex(NEW."checksum"))) COLLATE BINARY) BEGIN UPDATE "uploads" SET "checksum" = (lower(hex("sha256"))) WHERE rowid IS NEW.rowid AND NOT ((("sha256" IS NOT NULL OR "checksum" IS NULL) AND ("sha256" COLLATE BINARY IS ((unhex("checksum"))) COLLATE BINARY)) OR ("checksum" COLLATE BINARY IS ((lower(hex("sha256")))) COLLATE BINARY));  END;
--
--   3. wait for instances (lock: none)
--      -- until every instance that serves migration uploads/sha256 has acknowledged the phase, or its lease has run out
--
-- That takes the runner: this file passes where it has been, and refuses where it has not.

DROP TABLE IF EXISTS temp.expand_contract_guard;
CREATE TEMP TABLE expand_contract_guard (passes);
CREATE TEMP TRIGGER expand_contract_guard BEFORE INSERT ON expand_contract_guard WHEN NOT NEW.passes
BEGIN
  SELECT RAISE(ABORT, 'expand-contract: the runner has not run `retire` of migration `uploads/sha256` on this database. Let it: `Migration::advance_to(conn, Step::Retire)` in the application; then run this again');
END;
INSERT INTO expand_contract_guard SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'expand_contract_migrations');
INSERT INTO expand_contract_guard SELECT EXISTS (SELECT 1 FROM expand_contract_migrations WHERE id = 'uploads/sha256' AND generation = 1 AND (pass > 1 OR pass = 1 AND phase = 'retired' AND settled = 1 OR pass = 1 AND phase IN ('contracted')));
DROP TABLE temp.expand_contract_guard;
