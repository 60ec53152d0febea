//! The parts of the repository's statements for which Diesel has no type that a generic method could name.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::expression::{
    is_aggregate, AppearsOnTable, Expression, SelectableExpression, ValidGrouping,
};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Bool;
use diesel::RunQueryDsl;

use crate::query::{build_error, Capture, Change};

/// How two keys are compared.
#[derive(Debug, Clone, Copy)]
pub enum KeyOrder {
    /// The same key.
    Same,
    /// Behind the key, in the key's order.
    Behind,
}

/// `(key columns) = (values)`, or `>`: SQL's row comparison, which the primary key's index serves.
#[derive(Debug, Clone)]
pub struct KeyIs<K, V> {
    order: KeyOrder,
    columns: K,
    // none: any key
    values: Option<V>,
}

impl<K, V> KeyIs<K, V> {
    /// The comparison.
    pub fn new(order: KeyOrder, columns: K, values: Option<V>) -> Self {
        KeyIs {
            order,
            columns,
            values,
        }
    }
}

impl<K: Expression, V: Expression> Expression for KeyIs<K, V> {
    type SqlType = Bool;
}

impl<K, V> ValidGrouping<()> for KeyIs<K, V> {
    type IsAggregate = is_aggregate::No;
}

impl<K, V, QS> AppearsOnTable<QS> for KeyIs<K, V>
where
    Self: Expression,
    K: AppearsOnTable<QS>,
    V: AppearsOnTable<QS>,
{
}

impl<K, V, QS> SelectableExpression<QS> for KeyIs<K, V>
where
    Self: AppearsOnTable<QS>,
    K: SelectableExpression<QS>,
    V: SelectableExpression<QS>,
{
}

impl<K, V> QueryId for KeyIs<K, V> {
    type QueryId = ();

    // the operator is a value
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<K, V, DB> QueryFragment<DB> for KeyIs<K, V>
where
    K: QueryFragment<DB>,
    V: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Some(values) = &self.values else {
            out.push_sql("1 = 1");
            return Ok(());
        };
        out.push_sql("(");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(match self.order {
            KeyOrder::Same => ") = (",
            KeyOrder::Behind => ") > (",
        });
        values.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

/// What an upsert conflicts on.
pub trait Arbiter {
    /// Its columns' names, to be used before the next statement is built.
    ///
    /// # Errors
    /// The process does not know the phase.
    fn columns(&self) -> QueryResult<Vec<&'static str>>;
}

/// The primary key.
#[derive(Debug, Clone, Copy)]
pub struct Key(pub &'static [&'static str]);

impl Arbiter for Key {
    fn columns(&self) -> QueryResult<Vec<&'static str>> {
        Ok(self.0.to_vec())
    }
}

/// A changed unique column, by the name whose index is in force.
#[derive(Debug, Clone)]
pub struct ByChange<Ch> {
    capture: Capture,
    change: PhantomData<fn() -> Ch>,
}

impl<Ch: Change> ByChange<Ch> {
    /// For the statement whose values this thread is building.
    pub(super) fn new() -> Self {
        ByChange {
            capture: Capture::new(Ch::cell()),
            change: PhantomData,
        }
    }
}

impl<Ch: Change> Arbiter for ByChange<Ch> {
    fn columns(&self) -> QueryResult<Vec<&'static str>> {
        let current = self.capture.seal(Ch::cell()).map_err(build_error)?;
        let definition = Ch::definition();
        Ok(vec![definition.name(current.arbiter(definition.route()))])
    }
}

/// `INSERT … ON CONFLICT (arbiter) DO UPDATE SET … RETURNING …`.
#[derive(Debug, Clone)]
pub struct Upsert<I, A, C, S> {
    insert: I,
    arbiter: A,
    changes: C,
    returning: S,
}

impl<I, A, C, S> Upsert<I, A, C, S> {
    /// The statement.
    pub fn new(insert: I, arbiter: A, changes: C, returning: S) -> Self {
        Upsert {
            insert,
            arbiter,
            changes,
            returning,
        }
    }
}

impl<I, A, C, S: Expression> Query for Upsert<I, A, C, S> {
    type SqlType = S::SqlType;
}

impl<I, A, C, S, Conn> RunQueryDsl<Conn> for Upsert<I, A, C, S> {}

impl<I, A, C, S> QueryId for Upsert<I, A, C, S> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<I, A, C, S, DB> QueryFragment<DB> for Upsert<I, A, C, S>
where
    I: QueryFragment<DB>,
    A: Arbiter,
    C: QueryFragment<DB>,
    S: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.insert.walk_ast(out.reborrow())?;
        let columns = self.arbiter.columns()?;
        out.push_sql(" ON CONFLICT (");
        for (i, column) in columns.iter().enumerate() {
            if i > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(column)?;
        }
        out.push_sql(") DO UPDATE SET ");
        if self.changes.is_noop(out.backend())? {
            // nothing to change, but DO NOTHING would return no row
            let first = columns.first().copied().unwrap_or_default();
            out.push_identifier(first)?;
            out.push_sql(" = excluded.");
            out.push_identifier(first)?;
            // which values are set is not in the statement's type
            out.unsafe_to_cache_prepared();
        } else {
            self.changes.walk_ast(out.reborrow())?;
        }
        out.push_sql(" RETURNING ");
        self.returning.walk_ast(out)
    }
}
