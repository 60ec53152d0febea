CREATE TABLE uploads (
  id INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  origin TEXT,
  checksum TEXT NOT NULL
);
