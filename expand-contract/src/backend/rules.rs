//! What a dialect knows without a connection: how things are said and which actions a step takes.

use super::queue::Mode;
use crate::catalogue::{Index, IndexKey, Table};
use crate::definition::Dialect;
use crate::error::Error;
use crate::notice::Notice;
use crate::phase::Step;
use crate::plan::{Action, Active, Context, Kind, Other, SavedIndex, Work};

/// The pure side of a backend.
pub(crate) trait Rules: Sync {
    /// A string as a literal, for statements that take no bound values.
    fn literal(&self, text: &str) -> String;
    /// The expression as text.
    fn text(&self, expr: &str) -> String;
    /// Null-safe equality of a column and an expression, to the last bit that the type has.
    fn same(&self, column: &str, expr: &str, type_sql: &str, collate: &str) -> String {
        let (before, after) = self.same_around(column, type_sql, collate);
        format!("({before}{expr}{after})")
    }
    /// The SQL of [`Rules::same`] before and after the expression.
    fn same_around(&self, column: &str, type_sql: &str, collate: &str) -> (String, String);
    /// Statements that add the new column.
    fn add_column(&self, cx: &Context<'_>, change: &Active) -> Result<Vec<String>, Error>;
    /// The statement that drops a column.
    fn drop_column(&self, table: &Table, column: &str) -> String {
        format!(
            "ALTER TABLE {} DROP COLUMN {}",
            table.sql(),
            table.dialect.quote(column)
        )
    }
    /// The statement that creates an index. `live`: without blocking writers, where the database can.
    fn create_index(&self, table: &Table, index: &Index, name: &str, live: bool) -> String;
    /// The action that creates an index of a partitioned table without the partitions that have rows, unless it is there. The
    /// first index is the one that the second is a copy of.
    fn parent_index(
        &self,
        _cx: &Context<'_>,
        _step: Step,
        _indexes: (&Index, &Index),
        _name: &str,
    ) -> Option<Action> {
        None
    }
    /// The actions that create its partitions' ones, as far as they are missing.
    fn part_indexes(
        &self,
        _cx: &Context<'_>,
        _step: Step,
        _indexes: (&Index, &Index),
        _name: &str,
    ) -> Vec<Action> {
        Vec::new()
    }
    /// The actions that build a dropped unique index again, and the plain copy on the new column; none where the statements on
    /// record do.
    fn put_back(&self, _cx: &Context<'_>, _step: Step, _saved: &SavedIndex) -> Option<Vec<Action>> {
        None
    }
    /// The statement that drops an index.
    fn drop_index(&self, table: &Table, name: &str, live: bool) -> String;
    /// Whether a key of an index has nothing that belongs to its column's type.
    fn takes_any_type(&self, _key: &IndexKey) -> bool {
        true
    }
    /// Statements that make copies of statistics on the new columns.
    fn copy_statistics(&self, _cx: &Context<'_>) -> Vec<String> {
        Vec::new()
    }
    /// Statements that drop them.
    fn drop_statistics(&self, _cx: &Context<'_>) -> Vec<String> {
        Vec::new()
    }
    /// How an index is built.
    fn index_kind(&self) -> Kind;
    /// The lock of it.
    fn index_lock(&self) -> &'static str;
    /// The statement by which the planner learns of the new columns.
    fn analyze(&self, cx: &Context<'_>) -> String {
        format!("ANALYZE {}", cx.table.sql())
    }
    /// The lock of ANALYZE.
    fn analyze_lock(&self) -> &'static str;
    /// The lock of DDL.
    fn ddl_lock(&self) -> &'static str;
    /// The lock of a batch.
    fn row_lock(&self) -> &'static str;
    /// The lock of a comparison.
    fn read_lock(&self) -> &'static str;
    /// The statement that tells which transactions may see rows as they were before the copy.
    fn snapshots_sql(&self, table: &Table) -> String;
    /// The query for transactions that may act on an earlier phase; none where taking the write lock proves that there
    /// are none left.
    fn transactions_sql(&self, table: &Table) -> Option<String>;
    /// The names of the triggers of the safety net. `retired`: as [`Rules::mirror_retired`] leaves them.
    fn mirror_triggers(&self, cx: &Context<'_>, retired: bool) -> Result<Vec<String>, Error>;
    /// The actions of `retire` that are left.
    fn retire(&self, cx: &Context<'_>) -> Result<Vec<Action>, Error>;
    /// The actions of `contract` that are left.
    fn contract(&self, cx: &Context<'_>) -> Result<Vec<Action>, Error>;
    /// Moves defaults back.
    fn defaults_to_old(&self, cx: &Context<'_>) -> Vec<Work>;
    /// The last actions of a rollback from `Retired`, after the rows were copied back.
    fn restore_old(&self, cx: &Context<'_>) -> Result<Vec<Action>, Error>;
    /// Statements that take back what was required of the new columns on the way to `Retired`.
    fn free_new(&self, _cx: &Context<'_>) -> Vec<String> {
        Vec::new()
    }
    /// Everything at once, for a table without rows.
    fn on_empty(&self, cx: &Context<'_>) -> Result<Vec<Work>, Error>;

    /// Actions that give new columns the keys which they can have before anybody reads them.
    fn keys_of_new(&self, _cx: &Context<'_>, _step: Step) -> Vec<Action> {
        Vec::new()
    }
    /// What drops keys of other tables on new columns, which a `retire` has left that was not carried through.
    fn free_keys_of_new(&self, _cx: &Context<'_>) -> (Vec<Work>, Vec<Other>) {
        (Vec::new(), Vec::new())
    }
    /// What drops keys on new columns, as the columns go; the tables on the other side.
    fn drop_keys_of_new(&self, _cx: &Context<'_>) -> (Vec<Work>, Vec<Other>) {
        (Vec::new(), Vec::new())
    }
    /// Actions that give complete old columns back the keys that [`Rules::restore_old`] expects.
    fn keys_of_old(&self, _cx: &Context<'_>, _step: Step) -> Vec<Action> {
        Vec::new()
    }
    /// What of the plan needs no connection to be seen, and is not promised.
    fn notices(&self, _cx: &Context<'_>) -> Vec<Notice> {
        Vec::new()
    }
    /// Whether a sequence has passed what the old columns can hold.
    fn outgrown(&self, _cx: &Context<'_>) -> bool {
        false
    }

    /// Statements that install the triggers of the safety net.
    fn mirror(&self, cx: &Context<'_>) -> Result<Vec<String>, Error>;
    /// Statements for when nobody reads the old column any more: what cannot be mirrored to it must not fail a writer.
    fn mirror_retired(&self, cx: &Context<'_>) -> Result<Vec<String>, Error>;
    /// Statements for when nobody writes the old column any more, behind the barrier.
    fn mirror_settled(&self, _cx: &Context<'_>) -> Vec<String> {
        Vec::new()
    }
    /// Statements that undo [`Rules::mirror_retired`].
    fn mirror_back(&self, cx: &Context<'_>) -> Result<Vec<String>, Error>;
    /// Statements that drop the triggers: before any column that they name.
    fn drop_mirror(&self, cx: &Context<'_>) -> Vec<String>;
    /// Statements that drop what the triggers called: behind the columns, so that no statement under way misses it.
    fn drop_mirror_functions(&self, _cx: &Context<'_>) -> Vec<String> {
        Vec::new()
    }

    /// In place: statements that install the triggers which tell who knows only the old name.
    fn watch(&self, _cx: &Context<'_>) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
    /// In place: their names.
    fn watchers(&self, _cx: &Context<'_>) -> Vec<String> {
        Vec::new()
    }
    /// In place: why somebody who writes only the old name may not be seen; none where everybody is.
    fn unseen(&self, change: &Active) -> Option<String>;

    /// Statements that put the triggers of changes which only Rust can convert in a mode; none where there is no such change.
    fn queue(&self, cx: &Context<'_>, mode: Mode) -> Result<Vec<String>, Error>;
    /// The key of a row in the queue, as SQL. `row`: what comes before a column's name.
    fn row_key(&self, table: &Table, row: &str) -> String;
    /// What follows a query of a table whose rows are to be locked, those left out that somebody else has locked.
    fn lock_free_rows(&self) -> &'static str;
    /// The lock that keeps writers out and lets readers in.
    fn writers_lock(&self) -> &'static str;

    /// The name of an index's copy until `contract`.
    fn copy_name(&self, name: &str, unique: bool) -> String {
        let mut end = name.len().min(44);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let hash = crate::ledger::hash(name) & 0xffff_ffff;
        let kind = if unique { "ecu" } else { "ec" };
        format!("{}_{kind}_{hash:08x}", &name[..end])
    }
}

/// The rules of a dialect; an error if its feature is off.
pub(crate) fn rules(dialect: Dialect) -> Result<&'static dyn Rules, Error> {
    match dialect {
        #[cfg(any(feature = "postgres-backend", feature = "build"))]
        Dialect::Postgres => Ok(&super::postgres::rules::Postgres),
        #[cfg(any(feature = "sqlite", feature = "build"))]
        Dialect::Sqlite => Ok(&super::sqlite::rules::Sqlite),
        #[allow(unreachable_patterns)]
        other => Err(Error::Unsupported {
            what: other.to_string(),
            instead: "switch on the crate's feature for it".to_owned(),
        }),
    }
}
