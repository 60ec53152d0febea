-- expand-contract: allow(drop-column) nothing reads it since 1.3, which runs everywhere since February
ALTER TABLE uploads DROP COLUMN origin;
