CREATE INDEX uploads_name ON uploads (name);
