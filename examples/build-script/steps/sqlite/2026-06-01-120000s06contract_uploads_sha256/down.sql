-- Written by expand_contract::build from the annotations: to change it, change them.
-- Migration uploads/sha256, generation 1, on SQLite: contract.
--
-- This file passes where the runner has undone the step, and refuses where it has not.

DROP TABLE IF EXISTS temp.expand_contract_guard;
CREATE TEMP TABLE expand_contract_guard (passes);
CREATE TEMP TRIGGER expand_contract_guard BEFORE INSERT ON expand_contract_guard WHEN NOT NEW.passes
BEGIN
  SELECT RAISE(ABORT, 'expand-contract: `contract` of migration `uploads/sha256` stands. Undo it with `Migration::rollback(conn)` in the application (there is no way back behind `contract`); then run this again');
END;
INSERT INTO expand_contract_guard SELECT NOT EXISTS (SELECT 1 FROM expand_contract_migrations WHERE id = 'uploads/sha256' AND generation = 1 AND NOT (pass < 1 OR pass = 1 AND phase IN ('original', 'expanded', 'switched', 'retired') AND cleanup = 0));
DROP TABLE temp.expand_contract_guard;
