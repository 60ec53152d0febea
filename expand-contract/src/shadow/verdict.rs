//! The comparison as Diesel expressions.
//!
//! The SQL is made with the catalogue at hand when the phase is read, by the functions that make the triggers' and the
//! copy's, with [`QUALIFIER`] in front of each column; a statement puts in its table's or alias's name.

use std::fmt::Debug;
use std::marker::PhantomData;

use diesel::associations::HasTable;
use diesel::backend::Backend;
use diesel::dsl;
use diesel::expression::{
    is_aggregate, AppearsOnTable, Expression, SelectableExpression, ValidGrouping,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_dsl::methods::{LoadQuery, SelectDsl};
use diesel::query_source::{Column, Table};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::Connection;

use crate::backend::Request;
use crate::migration::Migrate;
use crate::phase::{Pass, Phase};
use crate::query::{build_error, BySql, Change, PhaseColumn, Place};
use crate::state::{PhaseCell, StatementError};

/// Stands in front of a column's quoted name, for the table's and a dot. A character that no SQL has a use for.
pub(crate) const QUALIFIER: char = '\u{2}';

/// Between the values of a composite key.
pub(crate) const SEPARATOR: char = '\u{1f}';

/// How the columns of a migration are compared in the pass that is under way.
#[derive(Debug)]
pub(crate) struct ShadowSql {
    pub(crate) pass: Pass,
    /// Whether a row differs in any change that the database can compare; NULL: it cannot be told.
    pub(crate) verdict: String,
    /// The same of each change; none: only Rust can tell.
    pub(crate) changes: Vec<Option<String>>,
    /// The primary key, for people.
    pub(crate) key: String,
    /// The values by which a row is found again.
    pub(crate) locator: String,
    /// A number that every expand makes greater.
    pub(crate) round: String,
    /// The changes that are compared in Rust.
    pub(crate) rust: Vec<RustCompare>,
}

/// How a change is compared in Rust.
#[derive(Debug)]
pub(crate) struct RustCompare {
    pub(crate) change: usize,
    /// For the row with the key of [`ShadowSql::locator`].
    pub(crate) request: Request,
}

/// Whether the phase, as far as this process knows, has both columns written.
pub(super) fn both_are_written(cell: &'static PhaseCell) -> bool {
    cell.get().is_some_and(|current| {
        !current.old_incomplete && matches!(current.stage.phase, Phase::Expanded | Phase::Switched)
    })
}

fn push<'b, DB: Backend>(
    sql: &str,
    out: &mut AstPass<'_, 'b, DB>,
    mut qualifier: impl FnMut(&mut AstPass<'_, 'b, DB>) -> QueryResult<()>,
) -> QueryResult<()> {
    for (i, piece) in sql.split(QUALIFIER).enumerate() {
        if i > 0 {
            qualifier(out)?;
        }
        out.push_sql(piece);
    }
    Ok(())
}

/// Whether a row's two columns of a change differ; see [`PhaseColumn::differs`].
#[derive(Debug, Clone, Copy)]
pub struct Differs<C>(PhantomData<fn() -> C>);

impl<C> PhaseColumn<C>
where
    C: Place<Change: Change<Kind = BySql>>,
{
    /// A predicate, for any `filter`: the row has values in the old and the new column that do not belong together.
    ///
    /// It holds for rows only while the ledger of the server asked says that both columns are written (`Expanded`,
    /// `Switched`), and in `Expanded` only for rows that were copied; elsewhere it is `false`, without naming a column. The
    /// database compares, on one version of the row; see [`crate::shadow`]. Where a value does not convert, the conversion
    /// may raise.
    pub fn differs(self) -> Differs<C> {
        Differs(PhantomData)
    }
}

impl<C: Place> Expression for Differs<C> {
    type SqlType = Bool;
}

impl<C> QueryId for Differs<C> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, QS> AppearsOnTable<QS> for Differs<C> where C: Place + AppearsOnTable<QS> {}

impl<C, QS> SelectableExpression<QS> for Differs<C> where C: Place + SelectableExpression<QS> {}

impl<C, GB> ValidGrouping<GB> for Differs<C>
where
    C: ValidGrouping<GB>,
{
    type IsAggregate = C::IsAggregate;
}

impl<C, DB> QueryFragment<DB> for Differs<C>
where
    C: Place,
    <C::Change as Column>::Table: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let cell = C::Change::cell();
        let current = cell.resolve(None).map_err(build_error)?;
        if !both_are_written(cell) {
            out.push_sql("(1 = 0)");
            return Ok(());
        }
        let sql = cell.shadow_sql().ok_or_else(|| unknown(cell))?;
        match sql.changes.get(C::Change::INDEX) {
            Some(Some(verdict)) if sql.pass == current.stage.pass => {
                out.push_sql("coalesce(");
                push(verdict, &mut out, |out| C::push_qualifier::<DB>(out))?;
                out.push_sql(", 1 = 0)");
            }
            _ => out.push_sql("(1 = 0)"),
        }
        Ok(())
    }
}

fn unknown(cell: &'static PhaseCell) -> diesel::result::Error {
    build_error(StatementError::PhaseUnknown {
        migration: cell.definition().id,
    })
}

/// A row's verdict, its key for people, the values that find it again, and the expand under which it was read.
pub type Seen = (Option<bool>, Option<String>, Option<String>, Option<i64>);

/// What a shadow read selects: see [`Seen`].
pub struct Verdict<M: Migrate>(M::Table);

impl<M: Migrate> Debug for Verdict<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verdict")
    }
}

impl<M: Migrate> Expression for Verdict<M> {
    type SqlType = (
        Nullable<Bool>,
        Nullable<Text>,
        Nullable<Text>,
        Nullable<BigInt>,
    );
}

impl<M: Migrate> QueryId for Verdict<M> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

// wherever the table's key can be selected
impl<M, QS> AppearsOnTable<QS> for Verdict<M>
where
    M: Migrate,
    <M::Table as Table>::PrimaryKey: AppearsOnTable<QS>,
{
}

impl<M, QS> SelectableExpression<QS> for Verdict<M>
where
    M: Migrate,
    <M::Table as Table>::PrimaryKey: SelectableExpression<QS>,
{
}

impl<M: Migrate> ValidGrouping<()> for Verdict<M> {
    type IsAggregate = is_aggregate::No;
}

impl<M, DB> QueryFragment<DB> for Verdict<M>
where
    M: Migrate<Table: QueryFragment<DB>>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let cell = M::cell();
        let sql = cell.shadow_sql().ok_or_else(|| unknown(cell))?;
        for (i, column) in [&sql.verdict, &sql.key, &sql.locator, &sql.round]
            .into_iter()
            .enumerate()
        {
            if i > 0 {
                out.push_sql(", ");
            }
            push(column, &mut out, |out| {
                self.0.walk_ast(out.reborrow())?;
                out.push_sql(".");
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// A query whose rows can be compared: one that still has to be given its select clause.
pub trait Sampled<'q, M, C> {
    /// The verdicts.
    ///
    /// # Errors
    /// As of the connection.
    fn verdicts(self, conn: &mut C) -> QueryResult<Vec<Seen>>;
}

impl<'q, M, C, Q> Sampled<'q, M, C> for Q
where
    C: Connection,
    M: Migrate,
    Q: SelectDsl<Verdict<M>>,
    dsl::Select<Q, Verdict<M>>: LoadQuery<'q, C, Seen>,
{
    fn verdicts(self, conn: &mut C) -> QueryResult<Vec<Seen>> {
        self.select(Verdict(<M::Table as HasTable>::table()))
            .internal_load(conn)?
            .collect()
    }
}
