-- Written by expand_contract::build from the annotations: to change it, change them.
-- Migration uploads/sha256, generation 1, on SQLite: verify.
--
-- There is nothing to undo.

SELECT 1;
