DROP INDEX uploads_name;
