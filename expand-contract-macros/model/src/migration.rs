//! What the annotations mean, with every rule checked.

use proc_macro2::Span;
use syn::{ExprPath, Ident, LitStr, Member, Path, Type, TypePath};

use crate::model::Model;
use crate::names;
use crate::record::Record;
use crate::sql::{Grammar, SqlExpr};

/// The changes of one table that go through the phases together.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The name in the ledger: given, or made from the table and its changed columns.
    pub id: String,
    /// The generation; 1 where the annotation gives none.
    pub generation: u32,
    /// The changes, in the order of the fields (on a table: of the annotation); never empty.
    pub changes: Vec<Change>,
    /// The path to the core crate.
    pub krate: Path,
}

impl Migration {
    /// The change of the column with this identifier.
    pub fn change_of(&self, column: &Ident) -> Option<&Change> {
        let column = names::text(column);
        self.changes
            .iter()
            .find(|change| names::text(&change.column) == column)
    }
}

/// What happens to one column.
#[derive(Debug, Clone)]
pub struct Change {
    /// The struct's field; `None` on a table.
    pub field: Option<Member>,
    /// The field's type; on a table `new_type`, always given with [`Conversion::Functions`] and [`Conversion::Traits`].
    pub rust_type: Option<Type>,
    /// The column's identifier in `schema.rs`.
    pub column: Ident,
    /// The column's name in the database where it is known here: on a table.
    ///
    /// On a field it is the Diesel column's `Column::NAME`.
    pub column_name: Option<String>,
    /// The column's Diesel type where it is known here: on a table.
    pub column_type: Option<TypePath>,
    /// The old column's name in the database; `None` if the column keeps its name.
    pub old_name: Option<LitStr>,
    /// The intermediate column of a retype that keeps its name, or the marker of a rename in place; no other change has one.
    pub via: Option<String>,
    /// How the values come to be in the new column.
    pub strategy: Strategy,
    /// The old column's SQL type; `None` if it is the new column's.
    pub retype_from: Option<Type>,
    /// The old column's Rust type, if given; always given with [`Conversion::Functions`] and [`Conversion::Traits`].
    pub old_type: Option<Type>,
    /// How values are converted.
    pub conversion: Conversion,
    /// `down(up(o)) = o` for every value in the table; always true of [`Conversion::Identity`].
    pub lossless: bool,
    /// `a < b` exactly if `up(a) < up(b)`; always true of [`Conversion::Identity`].
    pub monotonic: bool,
    /// The new column's type in the database, where the annotation gives it.
    pub sql_type: PerDialect<LitStr>,
    /// What becomes of objects that depend on the old column, where the annotation says so.
    pub carry: Vec<Carried>,
    /// Where errors about the change as a whole point: the field's or column's name.
    pub span: Span,
}

/// How the values come to be in the new column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// They are copied.
    #[default]
    Copy,
    /// The old column takes the new name: for a rename alone.
    InPlace,
}

/// What becomes of an object that depends on the old column.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Its name in the database.
    pub name: LitStr,
    /// What it is on the new column; `None`: the new column does not get it.
    pub sql: Option<SqlExpr>,
}

/// How values go from the old column to the new one and back.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // A handful exist at a time.
pub enum Conversion {
    /// The value as it is.
    Identity,
    /// SQL expressions, which cover the same dialects.
    Sql {
        /// New from old.
        up: SqlExpr,
        /// Old from new.
        down: SqlExpr,
    },
    /// Rust functions: `Fn(Old) -> Result<New, E>` and `Fn(New) -> Result<Old, E>`.
    Functions {
        /// New from old.
        up: ExprPath,
        /// Old from new.
        down: ExprPath,
    },
    /// `TryFrom` (or `From`) in both directions.
    Traits,
}

/// Something that may differ by dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerDialect<T> {
    /// Where no dialect has its own.
    pub any: Option<T>,
    /// On PostgreSQL.
    pub postgres: Option<T>,
    /// On SQLite.
    pub sqlite: Option<T>,
}

impl<T> Default for PerDialect<T> {
    fn default() -> Self {
        PerDialect {
            any: None,
            postgres: None,
            sqlite: None,
        }
    }
}

impl<T> PerDialect<T> {
    /// All that is given, with the grammar it is written in.
    pub fn iter(&self) -> impl Iterator<Item = (Grammar, &T)> {
        [
            (Grammar::Any, &self.any),
            (Grammar::Postgres, &self.postgres),
            (Grammar::Sqlite, &self.sqlite),
        ]
        .into_iter()
        .filter_map(|(grammar, value)| Some((grammar, value.as_ref()?)))
    }

    /// Each value, converted.
    pub fn map<U>(self, mut convert: impl FnMut(Grammar, T) -> U) -> PerDialect<U> {
        PerDialect {
            any: self.any.map(|value| convert(Grammar::Any, value)),
            postgres: self.postgres.map(|value| convert(Grammar::Postgres, value)),
            sqlite: self.sqlite.map(|value| convert(Grammar::Sqlite, value)),
        }
    }

    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.any.is_none() && self.postgres.is_none() && self.sqlite.is_none()
    }
}

/// A refused struct: the errors, and what stands in for what was refused, so that no second error follows from the first.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// All errors, combined.
    pub error: syn::Error,
    /// The struct, as far as it could be read. Its table is Diesel's guess where no attribute names one.
    pub record: Record,
    /// The columns of the fields with a `#[migrate(…)]`, as far as they could be read.
    pub changed: Vec<Ident>,
    /// A model of the same columns whose values stay as they are; `None` if the table is not known.
    pub stand_in: Option<Box<Model>>,
}
