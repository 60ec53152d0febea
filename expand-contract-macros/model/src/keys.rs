//! The words of the annotations. The parser, the list of valid keys and the help of every error are made from these.

/// The attribute in which all keys stand.
pub const ATTRIBUTE: &str = "migrate";

macro_rules! keys {
    ($( $(#[$doc:meta])* $constant:ident = $name:literal, $format:literal; )*) => {
        $(
            $(#[$doc])*
            pub const $constant: &str = $name;
        )*

        /// How the key is written with a value; the key itself if it is none of ours.
        pub fn format(key: &str) -> &str {
            match key {
                $( $name => $format, )*
                other => other,
            }
        }
    };
}

keys! {
    /// Struct or table: the migration's name in the ledger.
    ID = "id", r#"id = "versions/tar_sha256""#;
    /// Struct or table: tells a migration from an earlier one of the same id.
    GENERATION = "generation", "generation = 2";
    /// Struct: the name of the repository type, or none.
    REPOSITORY = "repository", r#"repository = "Versions""#;
    /// Struct or table: where the core crate is found.
    CRATE = "crate", r#"crate = "expand_contract""#;

    /// Change: the old column's name in the database.
    RENAME_FROM = "rename_from", r#"rename_from = "old_name""#;
    /// Change: the old column's SQL type.
    RETYPE_FROM = "retype_from", "retype_from = Nullable<Text>";
    /// Change: the old column's Rust type.
    OLD_TYPE = "old_type", "old_type = Option<String>";
    /// Change: the new column's Rust type; on a table, where no field says it.
    NEW_TYPE = "new_type", "new_type = Vec<u8>";
    /// Change: new from old, in SQL.
    UP = "up", r#"up = "decode(old_name, 'hex')""#;
    /// Change: old from new, in SQL.
    DOWN = "down", r#"down = "encode(new_name, 'hex')""#;
    /// Change: new from old, in Rust.
    UP_WITH = "up_with", "up_with = path::to_function";
    /// Change: old from new, in Rust.
    DOWN_WITH = "down_with", "down_with = path::to_function";
    /// Change: `down(up(o)) = o` for every value in the table.
    LOSSLESS = "lossless", "lossless";
    /// Change: `a < b` exactly if `up(a) < up(b)`.
    MONOTONIC = "monotonic", "monotonic";
    /// Change: the new column's type in the database.
    SQL_TYPE = "sql_type", r#"sql_type = "NUMERIC(12,2)""#;
    /// Change: the intermediate column of a retype that keeps its name, or the marker of a rename in place.
    VIA = "via", r#"via = "tmp_name""#;
    /// Change: how the values come to be in the new column.
    STRATEGY = "strategy", r#"rename_from = "old_name", strategy = in_place"#;

    /// Change: what a CHECK, an index or statistics on the old column is on the new one.
    CARRY = "carry", r#"carry("my_check" = "new_name > 0", "my_index" = "(lower(new_name))")"#;
    /// Change: what the new column does not get.
    DROP = "drop", r#"drop("my_index")"#;

    /// Dialect: wherever no other key of the list applies.
    ANY = "any", r#"any = "…""#;
    /// Dialect: PostgreSQL.
    POSTGRES = "postgres", r#"postgres = "…""#;
    /// Dialect: SQLite.
    SQLITE = "sqlite", r#"sqlite = "…""#;
}

/// What may stand on a struct.
pub const ON_STRUCT: &[&str] = &[ID, GENERATION, REPOSITORY, CRATE];
/// What may stand on a table, next to its changed columns.
pub const ON_TABLE: &[&str] = &[ID, GENERATION, CRATE];
/// What may stand on a changed field, or behind a changed column's name on a table.
pub const ON_CHANGE: &[&str] = &[
    RENAME_FROM,
    RETYPE_FROM,
    OLD_TYPE,
    NEW_TYPE,
    UP,
    DOWN,
    UP_WITH,
    DOWN_WITH,
    LOSSLESS,
    MONOTONIC,
    SQL_TYPE,
    VIA,
    STRATEGY,
    CARRY,
    DROP,
];
/// What may stand behind [`STRATEGY`]: the default, and for a rename alone.
pub const STRATEGIES: &[&str] = &["copy", "in_place"];
/// What may stand inside `up(…)`, `down(…)`, `sql_type(…)` and behind a name in `carry(…)`.
pub const DIALECTS: &[&str] = &[ANY, POSTGRES, SQLITE];

/// As [`help`], inside the parentheses behind a column's name.
pub fn help_in_list(key: &str) -> String {
    format!(
        "help: the correct format looks like `#[expand_contract::{ATTRIBUTE}(my_column({}))]`",
        format(key)
    )
}

/// “help: the correct format looks like …” for the key.
pub fn help(key: &str) -> String {
    format!(
        "help: the correct format looks like `#[{ATTRIBUTE}({})]`",
        format(key)
    )
}
