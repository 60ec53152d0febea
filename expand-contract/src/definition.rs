//! What a migration changes, as plain data: written by the derive, read by the generated statements and the runner.

use std::fmt;

use crate::phase::rules::Way;
use crate::phase::{Route, Side, Stage};

/// The SQL dialect of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite 3.35 or newer.
    Sqlite,
    /// PostgreSQL 14 or newer.
    Postgres,
}

impl Dialect {
    /// Appends `identifier`, quoted so that any name of the database comes out as itself.
    ///
    /// The only place where identifiers are quoted outside Diesel's own query builder.
    pub fn quote_into(self, identifier: &str, out: &mut String) {
        out.push('"');
        for c in identifier.chars() {
            if c == '"' {
                out.push('"');
            }
            out.push(c);
        }
        out.push('"');
    }

    /// The quoted form of `identifier`.
    pub fn quote(self, identifier: &str) -> String {
        let mut out = String::with_capacity(identifier.len() + 2);
        self.quote_into(identifier, &mut out);
        out
    }

    /// Whether two names mean the same column.
    #[cfg_attr(not(feature = "database"), allow(dead_code))]
    pub(crate) fn same_name(self, a: &str, b: &str) -> bool {
        match self {
            Dialect::Sqlite => a.eq_ignore_ascii_case(b),
            Dialect::Postgres => a == b,
        }
    }

    /// The longest identifier in bytes; longer ones are cut by the server without an error.
    pub const fn max_identifier_bytes(self) -> Option<usize> {
        match self {
            // NAMEDATALEN - 1
            Dialect::Postgres => Some(63),
            Dialect::Sqlite => None,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialect::Sqlite => "SQLite",
            Dialect::Postgres => "PostgreSQL",
        })
    }
}

/// A piece of an SQL expression over one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// SQL as written in the annotation.
    Sql(&'static str),
    /// A mention of the column: the place for a qualified name or a bound value.
    Column,
}

/// An SQL expression over one column, cut into [`Part`]s by a lexer when the annotation was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlExpr {
    /// The expression where no dialect has its own.
    pub any: Option<&'static [Part]>,
    /// The expression on PostgreSQL.
    pub postgres: Option<&'static [Part]>,
    /// The expression on SQLite.
    pub sqlite: Option<&'static [Part]>,
}

impl SqlExpr {
    /// The expression in the dialect, if the annotation gives one.
    pub fn parts(&self, dialect: Dialect) -> Option<&'static [Part]> {
        match dialect {
            Dialect::Postgres => self.postgres,
            Dialect::Sqlite => self.sqlite,
        }
        .or(self.any)
    }

    /// Whether the expression is the column itself, or a cast of it to a type without a modifier, which would cut values.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn is_cast(&self, dialect: Dialect) -> bool {
        let Some(parts) = self.parts(dialect) else {
            return false;
        };
        let (before, after) = match parts {
            [Part::Column] => ("", ""),
            [Part::Column, Part::Sql(after)] => ("", *after),
            [Part::Sql(before), Part::Column] => (*before, ""),
            [Part::Sql(before), Part::Column, Part::Sql(after)] => (*before, *after),
            _ => return false,
        };
        let before: String = before.split_whitespace().collect();
        let mut after = after.trim();
        let is_type = |text: &str| {
            let mut chars = text.trim().chars();
            chars.next().is_some_and(char::is_alphabetic)
                && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ' '))
        };
        match before.to_ascii_lowercase().as_str() {
            "cast(" => {
                let inner = after.strip_suffix(')').unwrap_or_default();
                let (word, name) = inner.trim().split_at_checked(2).unwrap_or_default();
                return word.eq_ignore_ascii_case("as") && is_type(name);
            }
            "(" => match after.strip_prefix(')') {
                Some(rest) => after = rest.trim(),
                None => return false,
            },
            "" => {}
            _ => return false,
        }
        after.is_empty() || after.strip_prefix("::").is_some_and(is_type)
    }

    /// The expression with `column` (SQL: a quoted, possibly qualified name) in the column's places.
    pub fn render(&self, dialect: Dialect, column: &str) -> Option<String> {
        let mut out = String::from("(");
        for part in self.parts(dialect)? {
            match part {
                Part::Sql(sql) => out.push_str(sql),
                Part::Column => out.push_str(column),
            }
        }
        out.push(')');
        Some(out)
    }
}

/// A text that may differ by dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PerDialect {
    /// The text where no dialect has its own.
    pub any: Option<&'static str>,
    /// The text on PostgreSQL.
    pub postgres: Option<&'static str>,
    /// The text on SQLite.
    pub sqlite: Option<&'static str>,
}

impl PerDialect {
    /// The text in the dialect, if there is one.
    pub fn get(&self, dialect: Dialect) -> Option<&'static str> {
        match dialect {
            Dialect::Postgres => self.postgres,
            Dialect::Sqlite => self.sqlite,
        }
        .or(self.any)
    }
}

/// What becomes of an object that depends on the old column, where the annotation says so: a CHECK constraint, an index or a
/// statistics object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Carry {
    /// Its name in the database.
    pub name: &'static str,
    /// What it is on the new column: the condition of a CHECK, of an index what follows the table's name, of statistics the
    /// list in parentheses. None: the new column does not get it.
    pub sql: Option<SqlExpr>,
}

/// How values go from the old column to the new one and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Conversion {
    /// The value as it is: a rename.
    Identity,
    /// SQL expressions.
    Sql {
        /// New from old; its column is the old one.
        up: SqlExpr,
        /// Old from new; its column is the new one.
        down: SqlExpr,
    },
    /// Rust functions; the database cannot convert by itself.
    Rust,
}

/// How the values come to be in the new column. When to choose which: [`crate::strategies`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// They are copied into a column that stands beside the old one until nobody knows that any more.
    #[default]
    Copy,
    /// The old column takes the new name. For a rename alone.
    InPlace,
}

/// What happens to one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeDef {
    /// The column that the previous release knows.
    pub old: &'static str,
    /// The intermediate column, if `old` and `new` are one name; the marker of a rename in place.
    pub via: Option<&'static str>,
    /// The column of `schema.rs`.
    pub new: &'static str,
    /// How they come to be in the new column.
    pub strategy: Strategy,
    /// How values are converted.
    pub conversion: Conversion,
    /// `down(up(o)) = o` for every value in the table, by the annotation's word.
    pub lossless: bool,
    /// `a < b` exactly if `up(a) < up(b)`, by the annotation's word.
    pub monotonic: bool,
    /// The new column's database type; none in a dialect: the old column's type from the catalogue (a rename).
    pub new_type: PerDialect,
    /// Whether `schema.rs` declares the new column `Nullable`.
    pub nullable: bool,
    /// What becomes of objects that cannot be translated.
    pub carry: &'static [Carry],
}

impl ChangeDef {
    /// The database name of one of the columns.
    #[inline]
    pub const fn name(&self, side: Side) -> &'static str {
        match (side, self.via) {
            (Side::Old, _) => self.old,
            (Side::Via, Some(via)) => via,
            (Side::Via | Side::New, _) => self.new,
        }
    }

    /// Whether the change goes through an intermediate column.
    #[inline]
    pub const fn two_passes(&self) -> bool {
        matches!(self.route(), Route::TwoPasses)
    }

    /// The columns that the change goes through.
    #[inline]
    pub const fn route(&self) -> Route {
        match (self.strategy, self.via) {
            (Strategy::InPlace, _) => Route::InPlace,
            (Strategy::Copy, Some(_)) => Route::TwoPasses,
            (Strategy::Copy, None) => Route::OnePass,
        }
    }

    /// The column that reads name in the stage.
    #[inline]
    pub const fn reads(&self, stage: Stage) -> Side {
        stage.reads(self.route())
    }

    /// Whether writes name the column in the stage.
    #[inline]
    pub const fn writes(&self, side: Side, stage: Stage) -> bool {
        stage.writes(side, self.route())
    }

    /// The conversion between the two columns of the pass that `stage` is in.
    pub const fn conversion_in(&self, stage: Stage) -> Conversion {
        match stage.ends(self.route()) {
            (Side::Old, _) => self.conversion,
            _ => Conversion::Identity,
        }
    }
}

/// The changes of one table that go through the phases together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationDef {
    /// The name in the ledger.
    pub id: &'static str,
    /// Told apart from an earlier migration of the same id (a → b → a → b must not meet its own `Contracted`).
    pub generation: u32,
    /// The changes, in the order of the annotation.
    pub changes: &'static [ChangeDef],
}

impl MigrationDef {
    /// Whether a second pass follows the first: some change keeps its column's name.
    pub fn two_passes(&self) -> bool {
        self.changes.iter().any(ChangeDef::two_passes)
    }

    /// The table of moves that it follows in a database of the dialect.
    pub fn way(&self, dialect: Dialect) -> Way {
        match (self.in_place(), dialect) {
            (false, _) => Way::Copy,
            (true, Dialect::Postgres) => Way::Marked,
            (true, Dialect::Sqlite) => Way::Unmarked,
        }
    }

    /// Whether the columns are renamed where they are; all changes of a migration are of one strategy.
    pub fn in_place(&self) -> bool {
        let mut changes = self.changes.iter();
        changes.any(|change| change.strategy == Strategy::InPlace)
    }
}

/// A table's name as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema, where `schema.rs` names one.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
}

impl TableName {
    /// The quoted, possibly qualified name.
    pub fn quoted(&self, dialect: Dialect) -> String {
        let mut out = String::new();
        if let Some(schema) = &self.schema {
            dialect.quote_into(schema, &mut out);
            out.push('.');
        }
        dialect.quote_into(&self.name, &mut out);
        out
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Part, SqlExpr};
    use Part::{Column, Sql};

    #[test]
    fn a_cast_is_told_from_what_changes_values() {
        let is_cast = |parts: &'static [Part]| {
            let expr = SqlExpr {
                any: Some(parts),
                postgres: None,
                sqlite: None,
            };
            expr.is_cast(Dialect::Postgres)
        };
        for parts in [
            &[Column] as &[Part],
            &[Column, Sql("::bigint")],
            &[Column, Sql(" :: double precision")],
            &[Sql("("), Column, Sql(")")],
            &[Sql("("), Column, Sql(")::int8")],
            &[Sql("CAST("), Column, Sql(" AS bigint)")],
            &[Sql("cast ( "), Column, Sql(" as bigint )")],
        ] {
            assert!(is_cast(parts), "{parts:?}");
        }
        for parts in [
            &[Column, Sql("::varchar(2)")] as &[Part],
            &[Column, Sql("::bigint + 1")],
            &[Column, Sql(" + 1")],
            &[Sql("-"), Column],
            &[Sql("lower("), Column, Sql(")")],
            &[Sql("CAST("), Column, Sql(" + 1 AS bigint)")],
            &[Sql("("), Column, Sql(" + 1)::bigint")],
            &[Column, Sql("::bigint, "), Column],
        ] {
            assert!(!is_cast(parts), "{parts:?}");
        }
    }
}
