//! Migrations of PostgreSQL.

use std::fmt::Write;

use super::{Scripts, TABLES};

pub(crate) fn migration(number: usize) -> Scripts {
    if number == 0 {
        return Scripts::new(dump(), "SELECT 1;\n");
    }
    let table = format!("table_{}", number / 10);
    let old = format!("old_{}", (number / 10) % TABLES);
    match number % 10 {
        0 => Scripts::new(new_table(&table, &old), format!("DROP TABLE {table};\n")),
        1 => Scripts::new(
            format!(
                "SET LOCAL lock_timeout = '2s';
ALTER TABLE {old}
    ADD COLUMN IF NOT EXISTS rank INT NOT NULL DEFAULT 0,
    ADD COLUMN place GEOMETRY(Point, 4326),
    ADD COLUMN external_id UUID DEFAULT gen_random_uuid();
ALTER TABLE {old} ADD CONSTRAINT rank_is_small_{number} CHECK (rank < 100) NOT VALID;
ALTER TABLE {old} ALTER COLUMN note SET DEFAULT '', ALTER COLUMN name SET STATISTICS 500;
"
            ),
            format!("ALTER TABLE {old} DROP COLUMN external_id, DROP COLUMN place, DROP COLUMN rank;\n"),
        ),
        2 => Scripts::new(
            function(&table),
            format!("DROP TRIGGER {table}_changed ON {table};\nDROP FUNCTION {table}_changed();\n"),
        ),
        3 => Scripts::new(seed(&table, 60), format!("DELETE FROM {table} WHERE id < 100;\n")),
        4 => Scripts::new(long_seed(&table, 300), format!("DELETE FROM {table} WHERE id > 100;\n")),
        5 => Scripts {
            up: format!("CREATE INDEX CONCURRENTLY IF NOT EXISTS {table}_name ON {table} USING btree (lower(name), id DESC) WHERE note IS NOT NULL;\n"),
            down: format!("DROP INDEX CONCURRENTLY IF EXISTS {table}_name;\n"),
            in_transaction: false,
        },
        6 => Scripts::new(
            format!(
                "CREATE TYPE kind_{number} AS ENUM ('new', 'paid', 'sent', 'back');
CREATE OR REPLACE VIEW {table}_recent AS
    SELECT t.id, t.name, o.name AS owner, count(*) OVER (PARTITION BY t.owner_id) AS siblings
    FROM {table} t JOIN {old} o ON o.id = t.owner_id
    WHERE t.created_at > now() - interval '7 days' AND (t.note IS NULL OR t.note <> '');
CREATE MATERIALIZED VIEW {table}_totals AS SELECT owner_id, sum(price) AS total FROM {table} GROUP BY owner_id;
CREATE UNIQUE INDEX {table}_totals_owner ON {table}_totals (owner_id);
GRANT SELECT ON {table}_recent, {table}_totals TO reader;
COMMENT ON COLUMN {table}.note IS 'what is said; about it';
DO $$ BEGIN PERFORM 1; END $$;
"
            ),
            format!("DROP MATERIALIZED VIEW {table}_totals;\nDROP VIEW {table}_recent;\nDROP TYPE kind_{number};\n"),
        ),
        7 => Scripts::new(
            format!(
                "ALTER TABLE {old} VALIDATE CONSTRAINT rank_is_small_{};
WITH doomed AS (SELECT id FROM {table} WHERE note IS NULL ORDER BY id LIMIT 1000)
UPDATE {table} SET note = coalesce(name, '') || ' (' || id || ')' FROM doomed WHERE {table}.id = doomed.id;
-- expand-contract: allow(write-without-where) a handful of rows
DELETE FROM {table}_old;
",
                number - 6
            ),
            "SELECT 1;\n",
        ),
        8 => Scripts::new(
            format!(
                "ALTER TABLE {old} DROP COLUMN note;
ALTER TABLE {table} ALTER COLUMN name TYPE VARCHAR(200), ALTER COLUMN price TYPE NUMERIC(14, 2);
ALTER TABLE {table} RENAME COLUMN note TO remark;
ALTER INDEX {table}_name RENAME TO {table}_lower_name;
"
            ),
            format!("ALTER TABLE {table} RENAME COLUMN remark TO note;\nALTER TABLE {old} ADD COLUMN note TEXT;\n"),
        ),
        _ => Scripts::new(
            format!(
                "CREATE TABLE {table}_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    {table}_id BIGINT NOT NULL REFERENCES {table} (id) ON DELETE CASCADE,
    what JSONB NOT NULL DEFAULT '{{}}'::jsonb,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE {table}_events_1 PARTITION OF {table}_events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE INDEX ON {table}_events ({table}_id, at DESC);
CREATE POLICY {table}_own ON {table} USING (owner_id = current_setting('app.owner')::bigint);
"
            ),
            format!("DROP POLICY {table}_own ON {table};\nDROP TABLE {table}_events CASCADE;\n"),
        ),
    }
}

/// What `pg_dump --schema-only` makes of the tables.
fn dump() -> String {
    let mut text =
        "SET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n"
            .to_owned();
    for table in 0..TABLES {
        write!(
            text,
            "--\n-- Name: old_{table}; Type: TABLE; Schema: public; Owner: -\n--\n
CREATE TABLE public.old_{table} (
    id bigint NOT NULL,
    owner_id bigint NOT NULL,
    name character varying(80) NOT NULL,
    note text,
    price numeric(12,2) DEFAULT 0 NOT NULL,
    tags text[] DEFAULT '{{}}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT old_{table}_price_check CHECK ((price >= (0)::numeric))
);
CREATE SEQUENCE public.old_{table}_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.old_{table}_id_seq OWNED BY public.old_{table}.id;
ALTER TABLE ONLY public.old_{table} ALTER COLUMN id SET DEFAULT nextval('public.old_{table}_id_seq'::regclass);
ALTER TABLE ONLY public.old_{table} ADD CONSTRAINT old_{table}_pkey PRIMARY KEY (id);
CREATE INDEX old_{table}_owner ON public.old_{table} USING btree (owner_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.old_{table} FOR EACH ROW EXECUTE FUNCTION public.diesel_set_updated_at();
"
        )
        .unwrap();
    }
    text
}

fn new_table(table: &str, old: &str) -> String {
    format!(
        "-- Your SQL goes here

/* What it is for; and why it is not
   a part of the other. */
CREATE TABLE {table} (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    owner_id BIGINT NOT NULL REFERENCES {old} (id) ON DELETE CASCADE,
    parent_id BIGINT REFERENCES {table} (id),
    name VARCHAR(80) NOT NULL, -- shown
    slug TEXT NOT NULL CONSTRAINT {table}_slug CHECK (slug ~ '^[a-z0-9-]+$'),
    note TEXT,
    payload JSONB NOT NULL DEFAULT '{{}}',
    price NUMERIC(12, 2) NOT NULL CHECK (price >= 0),
    search TSVECTOR GENERATED ALWAYS AS (to_tsvector('english', name || ' ' || coalesce(note, ''))) STORED,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT {table}_owner_name UNIQUE (owner_id, name)
);
CREATE INDEX {table}_owner ON {table} (owner_id);
CREATE INDEX {table}_search ON {table} USING gin (search);
SELECT diesel_manage_updated_at('{table}');
"
    )
}

fn function(table: &str) -> String {
    let mut text = format!(
        "CREATE OR REPLACE FUNCTION {table}_changed() RETURNS trigger AS $body$
DECLARE
    before {table};
    number integer := 0;
BEGIN
"
    );
    for step in 0..12 {
        write!(
            text,
            "    IF NEW.note IS DISTINCT FROM OLD.note AND number = {step} THEN
        UPDATE {table} SET updated_at = now() WHERE id = NEW.parent_id; -- one; not all
        number := number + CASE WHEN NEW.price > {step} THEN 1 ELSE 2 END;
    END IF;
"
        )
        .unwrap();
    }
    text.push_str("    RETURN NEW;\nEND;\n$body$ LANGUAGE plpgsql;\n");
    writeln!(
        text,
        "CREATE TRIGGER {table}_changed BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION {table}_changed();"
    )
    .unwrap();
    text
}

pub(super) fn seed(table: &str, rows: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        writeln!(
            text,
            "INSERT INTO {table} (id, owner_id, name, slug, price) VALUES ({row}, 1, 'it''s number {row}; or so', 'number-{row}', {row}.50);"
        )
        .unwrap();
    }
    text
}

pub(super) fn long_seed(table: &str, rows: usize) -> String {
    let mut text = format!("INSERT INTO {table} (id, owner_id, name, slug, price) VALUES\n");
    for row in 0..rows {
        let end = if row + 1 == rows { ";" } else { "," };
        writeln!(
            text,
            "    ({}, 1, 'number {row}', 'number-{row}', {row}.50){end}",
            row + 101
        )
        .unwrap();
    }
    text
}
