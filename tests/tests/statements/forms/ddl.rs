//! The physical tables of the models, per phase, with rows from before.

use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{Connection, QueryableByName, RunQueryDsl};
use expand_contract::__private::Dialect;
use expand_contract::phase::Phase;

use crate::support::{both_written, columns};

/// The catalogue type of `versions.checksum` on PostgreSQL.
pub(crate) const CHECKSUM: &str = "character(64)";

/// A value of `tar_sha256`.
pub(crate) fn sha(byte: u8) -> Vec<u8> {
    vec![byte; 32]
}

/// The same on the old side.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn binary(dialect: Dialect, bytes: &[u8]) -> String {
    match dialect {
        Dialect::Postgres => format!("'\\x{}'::bytea", hex(bytes)),
        _ => format!("x'{}'", hex(bytes)),
    }
}

fn types(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::Postgres => (CHECKSUM, "bytea"),
        _ => ("TEXT", "BLOB"),
    }
}

/// The table of the phase with three rows.
pub(crate) fn versions(dialect: Dialect, key: &str, phase: Phase) -> String {
    let (text, blob) = types(dialect);
    // SQLite cannot drop NOT NULL again
    let changed = columns(
        phase,
        dialect == Dialect::Sqlite,
        &format!("checksum {text}"),
        &format!("tar_sha256 {blob}"),
    );
    let mut ddl = format!(
        "CREATE TABLE versions ({key}, num text NOT NULL UNIQUE, {changed});
         CREATE TABLE downloads ({key}, version_id integer, tar {blob});
         INSERT INTO downloads (version_id, tar) VALUES (1, {}), (NULL, {});",
        binary(dialect, &sha(1)),
        binary(dialect, &sha(9)),
    );
    for (num, byte) in [("1.0.0", 1), ("1.1.0", 2), ("2.0.0", 3)] {
        let (hex, bytes) = (hex(&sha(byte)), binary(dialect, &sha(byte)));
        ddl += &match phase {
            Phase::Original => {
                format!("INSERT INTO versions (num, checksum) VALUES ('{num}', '{hex}');")
            }
            Phase::Contracted => {
                format!("INSERT INTO versions (num, tar_sha256) VALUES ('{num}', {bytes});")
            }
            _ => {
                format!("INSERT INTO versions (num, checksum, tar_sha256) VALUES ('{num}', '{hex}', {bytes});")
            }
        };
    }
    ddl
}

/// The DDL that makes one phase's table into another's; values are copied, as a backfill would.
pub(crate) fn move_versions(dialect: Dialect, from: Phase, to: Phase) -> String {
    let (text, blob) = types(dialect);
    let (up, down) = match dialect {
        Dialect::Postgres => ("decode(checksum, 'hex')", "encode(tar_sha256, 'hex')"),
        _ => ("unhex(checksum)", "lower(hex(tar_sha256))"),
    };
    let postgres = dialect == Dialect::Postgres;
    let not_null = |column: &str, set: bool| match (postgres, set) {
        (false, _) => String::new(),
        (true, true) => format!("ALTER TABLE versions ALTER {column} SET NOT NULL;"),
        (true, false) => format!("ALTER TABLE versions ALTER {column} DROP NOT NULL;"),
    };
    match (from, to) {
        (Phase::Original, Phase::Expanded) => {
            format!("ALTER TABLE versions ADD COLUMN tar_sha256 {blob}; UPDATE versions SET tar_sha256 = {up};")
        }
        (Phase::Switched, Phase::Retired) => not_null("checksum", false),
        (Phase::Retired, Phase::Contracted) => "ALTER TABLE versions DROP COLUMN checksum;".into(),
        (Phase::Contracted, Phase::Retired) => {
            format!("ALTER TABLE versions ADD COLUMN checksum {text};")
        }
        (Phase::Retired, Phase::Switched) => {
            format!("UPDATE versions SET checksum = {down};")
        }
        (Phase::Expanded, Phase::Original) => "ALTER TABLE versions DROP COLUMN tar_sha256;".into(),
        _ => String::new(),
    }
}

/// The table of the phase with two rows, the second without values.
pub(crate) fn contacts(dialect: Dialect, key: &str, phase: Phase) -> String {
    let blob = types(dialect).1;
    let email = columns(phase, true, "legacy_email text", "email text");
    let digest = columns(phase, true, "digest_hex text", &format!("digest {blob}"));
    let mut names = Vec::new();
    let mut values = Vec::new();
    if phase != Phase::Contracted {
        names.extend(["legacy_email", "digest_hex"]);
        values.extend(["'ann@example.org'".to_owned(), "'0a0b'".to_owned()]);
    }
    if phase != Phase::Original {
        names.extend(["email", "digest"]);
        values.extend(["'ann@example.org'".to_owned(), binary(dialect, &[10, 11])]);
    }
    format!(
        "CREATE TABLE contacts ({key}, label text NOT NULL UNIQUE, {email}, {digest});
         INSERT INTO contacts (label, {}) VALUES ('ann', {});
         INSERT INTO contacts (label) VALUES ('bob');",
        names.join(", "),
        values.join(", ")
    )
}

#[derive(QueryableByName)]
pub(crate) struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many rows satisfy an SQL condition.
pub(crate) fn count<C>(conn: &mut C, table: &str, condition: &str) -> i64
where
    C: Connection,
    diesel::query_builder::SqlQuery: for<'q> diesel::query_dsl::LoadQuery<'q, C, Count>,
{
    diesel::sql_query(format!(
        "SELECT count(*) AS n FROM {table} WHERE {condition}"
    ))
    .get_result::<Count>(conn)
    .expect("the condition is SQL")
    .n
}

/// Panics unless both columns of every row hold the same, where the phase writes both.
#[track_caller]
pub(crate) fn assert_consistent<C>(conn: &mut C, dialect: Dialect, phase: Phase, table: &str)
where
    C: Connection,
    diesel::query_builder::SqlQuery: for<'q> diesel::query_dsl::LoadQuery<'q, C, Count>,
{
    if !both_written(phase) {
        return;
    }
    let (differs, decode) = match dialect {
        Dialect::Postgres => ("IS DISTINCT FROM", ["decode(", ", 'hex')"]),
        _ => ("IS NOT", ["unhex(", ")"]),
    };
    let [before, after] = decode;
    let condition = match table {
        "versions" => format!("{before}checksum{after} {differs} tar_sha256"),
        _ => format!("legacy_email {differs} email OR {before}digest_hex{after} {differs} digest"),
    };
    assert_eq!(count(conn, table, &condition), 0, "{phase}: {condition}");
}
