//! The repository that `#[derive(Migrate)]` makes: methods instead of queries.
//!
//! It is thin: every method builds the statement that a user would write and sends it. What it adds: outside a transaction
//! a statement that fails because the phase has moved is built again (see [`crate::retry`]), and reads can be sampled (see
//! [`crate::shadow`]).

mod fragments;
mod shared;

pub use fragments::*;
pub use shared::*;

use diesel::connection::Connection;
use diesel::dsl;
use diesel::expression::{AsExpression, Expression, Selectable, SelectableHelper};
use diesel::insertable::Insertable;
use diesel::internal::derives::multiconnection::ReturningClause;
use diesel::query_builder::{
    AsChangeset, AsQuery, DeleteStatement, IncompleteInsertStatement, InsertStatement,
    IntoUpdateTarget, Query, QueryFragment, QueryId, UpdateStatement,
};
use diesel::query_dsl::methods::{ExecuteDsl, FilterDsl, LimitDsl, LoadQuery, OrderDsl, SelectDsl};
use diesel::query_source::Table;
use diesel::result::Error::NotFound;
use diesel::result::QueryResult;

use crate::backend::RunnerConnection;
use crate::migration::MigrateOn;
use crate::query::{Change, Compared, Converts, Equal, PhaseColumn};
use crate::retry;
use crate::shadow::{self, Sampled};

/// Rows per statement of `insert_all`: a row of the widest table (128 columns, each changed) times this stays below
/// SQLite's 32,766 binds and PostgreSQL's 65,535.
pub const ROWS_PER_INSERT: usize = 120;

/// What `RETURNING` makes of an insert statement.
pub type Returning<T, V, S> = InsertStatement<
    T,
    V,
    <IncompleteInsertStatement<T> as Operation>::Operation,
    ReturningClause<S>,
>;

/// The operation of an insert statement, which Diesel does not name in public.
pub trait Operation {
    /// `INSERT`.
    type Operation;
}

impl<T, Op> Operation for IncompleteInsertStatement<T, Op> {
    type Operation = Op;
}

/// A bound reference to a field, as the column's type.
pub type Bind<'q, U, Column> = <&'q U as AsExpression<dsl::SqlTypeOf<Column>>>::Expression;

type Row<M, C> = dsl::AsSelect<M, <C as Connection>::Backend>;

// One trait per kind of statement, so that a generated method needs one bound: `Model: Find<…, Conn>`.

/// Loads the rows of a filter.
pub trait Find<'q, T, P, C>: Sized {
    /// Loads the rows.
    ///
    /// # Errors
    /// As of the connection.
    fn find(table: T, predicate: P, conn: &mut C) -> QueryResult<Vec<Self>>;
}

impl<'q, M, T, P, C> Find<'q, T, P, C> for M
where
    C: RunnerConnection,
    M: Selectable<C::Backend, SelectExpression: QueryId>,
    T: MigrateOn<C> + Copy + FilterDsl<Shared<P>>,
    dsl::Filter<T, Shared<P>>: SelectDsl<Row<M, C>> + Sampled<'q, T, C>,
    dsl::Select<dsl::Filter<T, Shared<P>>, Row<M, C>>: LoadQuery<'q, C, M>,
{
    fn find(table: T, predicate: P, conn: &mut C) -> QueryResult<Vec<M>> {
        let predicate = Shared::new(predicate);
        let query = || FilterDsl::filter(table, predicate.clone());
        let rows = retry::statement::<T, C, _>(conn, |conn| {
            query()
                .select(M::as_select())
                .internal_load(conn)?
                .collect()
        })?;
        shadow::sample::<T, C, _>(conn, query);
        Ok(rows)
    }
}

/// Loads the rows whose changed column has a value.
pub trait FindBy<'q, Ch: Change, V, C>: Sized {
    /// Loads the rows.
    ///
    /// # Errors
    /// As of the connection.
    fn find_by(table: Ch::Table, value: V, conn: &mut C) -> QueryResult<Vec<Self>>;
}

impl<'q, M, Ch, V, C> FindBy<'q, Ch, V, C> for M
where
    Ch: Change,
    V: AsExpression<Ch::NewSqlType>,
    Ch::Kind: Converts<Ch, V>,
    M: Find<'q, Ch::Table, Compared<Ch, Equal, V>, C>,
{
    fn find_by(table: Ch::Table, value: V, conn: &mut C) -> QueryResult<Vec<M>> {
        M::find(table, PhaseColumn::<Ch>::NEW.eq(value), conn)
    }
}

/// Loads a page.
pub trait List<'q, T, K, P, C>: Sized {
    /// Loads at most `limit` rows in the order of `key`.
    ///
    /// # Errors
    /// As of the connection.
    fn list(table: T, key: K, behind: P, limit: i64, conn: &mut C) -> QueryResult<Vec<Self>>;
}

impl<'q, M, T, K, P, C> List<'q, T, K, P, C> for M
where
    C: RunnerConnection,
    K: Expression + Copy,
    M: Selectable<C::Backend, SelectExpression: QueryId>,
    T: MigrateOn<C> + Copy + FilterDsl<Shared<P>>,
    dsl::Filter<T, Shared<P>>: OrderDsl<K>,
    dsl::Order<dsl::Filter<T, Shared<P>>, K>: LimitDsl,
    dsl::Limit<dsl::Order<dsl::Filter<T, Shared<P>>, K>>: SelectDsl<Row<M, C>> + Sampled<'q, T, C>,
    dsl::Select<dsl::Limit<dsl::Order<dsl::Filter<T, Shared<P>>, K>>, Row<M, C>>:
        LoadQuery<'q, C, M>,
{
    fn list(table: T, key: K, behind: P, limit: i64, conn: &mut C) -> QueryResult<Vec<M>> {
        let behind = Shared::new(behind);
        let query = || {
            let ordered = OrderDsl::order(FilterDsl::filter(table, behind.clone()), key);
            LimitDsl::limit(ordered, limit)
        };
        let rows = retry::statement::<T, C, _>(conn, |conn| {
            query()
                .select(M::as_select())
                .internal_load(conn)?
                .collect()
        })?;
        shadow::sample::<T, C, _>(conn, query);
        Ok(rows)
    }
}

/// Inserts a record and gives the row.
pub trait Insert<'q, T, R, C>: Sized {
    /// Inserts the record.
    ///
    /// # Errors
    /// As of the connection, a violated constraint included.
    fn insert(table: T, record: R, conn: &mut C) -> QueryResult<Self>;
}

impl<'q, M, T, R, C> Insert<'q, T, R, C> for M
where
    C: RunnerConnection,
    M: Selectable<C::Backend, SelectExpression: QueryId>,
    T: Table + MigrateOn<C>,
    R: Insertable<T>,
    Returning<T, R::Values, Row<M, C>>: Query,
    Shared<Returning<T, R::Values, Row<M, C>>>: LoadQuery<'q, C, M>,
    InsertStatement<T, R::Values>:
        IntoReturning<Row<M, C>, Output = Returning<T, R::Values, Row<M, C>>>,
{
    fn insert(table: T, record: R, conn: &mut C) -> QueryResult<M> {
        let insert = diesel::insert_into(table).values(record);
        let insert = Shared::new(insert.into_returning(M::as_select()));
        retry::statement::<T, C, _>(conn, |conn| {
            let mut rows = insert.clone().internal_load(conn)?;
            rows.next().unwrap_or(Err(NotFound))
        })
    }
}

/// `.returning(…)` as a trait.
pub trait IntoReturning<S> {
    /// The statement.
    type Output;

    /// The statement with `RETURNING`.
    fn into_returning(self, selection: S) -> Self::Output;
}

impl<T, V, S> IntoReturning<S>
    for InsertStatement<T, V, <IncompleteInsertStatement<T> as Operation>::Operation>
where
    T: Table,
    Returning<T, V, S>: Query,
{
    type Output = Returning<T, V, S>;

    fn into_returning(self, selection: S) -> Self::Output {
        self.returning(selection)
    }
}

/// Inserts many records.
pub trait InsertAll<T, R, C> {
    /// Inserts the records, in one transaction and as many statements as their number asks for.
    ///
    /// # Errors
    /// As of the connection; then nothing is inserted.
    fn insert_all(
        table: T,
        records: impl IntoIterator<Item = R>,
        conn: &mut C,
    ) -> QueryResult<usize>;
}

impl<M, T, R, C> InsertAll<T, R, C> for M
where
    C: RunnerConnection,
    T: Table + MigrateOn<C> + Copy,
    R: Clone,
    Vec<R>: Insertable<T>,
    InsertStatement<T, <Vec<R> as Insertable<T>>::Values>: ExecuteDsl<C>,
{
    fn insert_all(
        table: T,
        records: impl IntoIterator<Item = R>,
        conn: &mut C,
    ) -> QueryResult<usize> {
        let mut records = records.into_iter();
        let mut chunk = || records.by_ref().take(ROWS_PER_INSERT).collect::<Vec<R>>();
        let insert = |chunk: Vec<R>, conn: &mut C| {
            ExecuteDsl::execute(diesel::insert_into(table).values(chunk), conn)
        };
        let first = chunk();
        if first.is_empty() {
            return Ok(0);
        }
        // Once the first statement is through, the transaction holds the table, and nothing is dropped under the others.
        // They are not kept to be sent again, so their errors are no reason to begin anew.
        let mut beyond = false;
        retry::statement::<T, C, _>(conn, |conn| {
            let inserted = conn.transaction(|conn| {
                let mut rows = insert(first.clone(), conn)?;
                loop {
                    let next = chunk();
                    if next.is_empty() {
                        return Ok(rows);
                    }
                    beyond = true;
                    rows += insert(next, conn)?;
                }
            });
            match inserted {
                Err(error) if !beyond => Err(error),
                settled => Ok(settled),
            }
        })?
    }
}

/// Inserts a record, or updates the row of its key.
pub trait UpsertRow<'q, T, R, C>: Sized {
    /// Inserts or updates.
    ///
    /// # Errors
    /// As of the connection.
    fn upsert(table: T, key: &'static [&'static str], record: R, conn: &mut C)
        -> QueryResult<Self>;
}

impl<'q, M, T, R, C> UpsertRow<'q, T, R, C> for M
where
    C: RunnerConnection,
    M: Selectable<C::Backend, SelectExpression: QueryId>,
    T: Table + MigrateOn<C>,
    R: Copy + Insertable<T> + AsChangeset<Target = T>,
    Shared<Upsert<InsertStatement<T, R::Values>, Key, R::Changeset, Row<M, C>>>:
        LoadQuery<'q, C, M>,
{
    fn upsert(table: T, key: &'static [&'static str], record: R, conn: &mut C) -> QueryResult<M> {
        let insert = diesel::insert_into(table).values(record);
        let upsert = Upsert::new(insert, Key(key), record.as_changeset(), M::as_select());
        let upsert = Shared::new(upsert);
        retry::statement::<T, C, _>(conn, |conn| {
            let mut rows = upsert.clone().internal_load(conn)?;
            rows.next().unwrap_or(Err(NotFound))
        })
    }
}

/// Inserts a record, or updates the row that has its value in a changed unique column.
pub trait UpsertBy<'q, Ch: Change, R, C>: Sized {
    /// Inserts or updates.
    ///
    /// # Errors
    /// As of the connection.
    fn upsert_by(table: Ch::Table, record: R, conn: &mut C) -> QueryResult<Self>;
}

impl<'q, M, Ch, R, C> UpsertBy<'q, Ch, R, C> for M
where
    C: RunnerConnection,
    Ch: Change,
    M: Selectable<C::Backend, SelectExpression: QueryId>,
    Ch::Table: Table + MigrateOn<C>,
    R: Copy + Insertable<Ch::Table> + AsChangeset<Target = Ch::Table>,
    Shared<Upsert<InsertStatement<Ch::Table, R::Values>, ByChange<Ch>, R::Changeset, Row<M, C>>>:
        LoadQuery<'q, C, M>,
{
    fn upsert_by(table: Ch::Table, record: R, conn: &mut C) -> QueryResult<M> {
        let insert = diesel::insert_into(table).values(record);
        let changes = record.as_changeset();
        let upsert = Upsert::new(insert, ByChange::<Ch>::new(), changes, M::as_select());
        let upsert = Shared::new(upsert);
        retry::upsert_on::<Ch, C, _>(conn, |conn| {
            let mut rows = upsert.clone().internal_load(conn)?;
            rows.next().unwrap_or(Err(NotFound))
        })
    }
}

/// Updates the rows of a filter.
pub trait Update<T, P, R, C> {
    /// Updates; the number of rows.
    ///
    /// # Errors
    /// As of the connection.
    fn update(table: T, predicate: P, changes: R, conn: &mut C) -> QueryResult<usize>;
}

impl<M, T, P, R, C> Update<T, P, R, C> for M
where
    C: RunnerConnection,
    T: Table + MigrateOn<C> + Copy + FilterDsl<Shared<P>>,
    dsl::Filter<T, Shared<P>>: IntoUpdateTarget<Table = T>,
    R: AsChangeset<Target = T> + Copy,
    UpdateStatement<T, <dsl::Filter<T, Shared<P>> as IntoUpdateTarget>::WhereClause, R::Changeset>:
        AsQuery + QueryFragment<C::Backend> + QueryId,
{
    fn update(table: T, predicate: P, changes: R, conn: &mut C) -> QueryResult<usize> {
        let predicate = Shared::new(predicate);
        retry::statement::<T, C, _>(conn, |conn| {
            let rows = FilterDsl::filter(table, predicate.clone());
            ExecuteDsl::execute(diesel::update(rows).set(changes), conn)
        })
    }
}

/// Deletes the rows of a filter.
pub trait Delete<T, P, C> {
    /// Deletes; the number of rows.
    ///
    /// # Errors
    /// As of the connection.
    fn delete(table: T, predicate: P, conn: &mut C) -> QueryResult<usize>;
}

impl<M, T, P, C> Delete<T, P, C> for M
where
    C: RunnerConnection,
    T: Table + MigrateOn<C> + Copy + FilterDsl<Shared<P>>,
    dsl::Filter<T, Shared<P>>: IntoUpdateTarget<Table = T>,
    DeleteStatement<T, <dsl::Filter<T, Shared<P>> as IntoUpdateTarget>::WhereClause>: ExecuteDsl<C>,
{
    fn delete(table: T, predicate: P, conn: &mut C) -> QueryResult<usize> {
        let predicate = Shared::new(predicate);
        retry::statement::<T, C, _>(conn, |conn| {
            let rows = FilterDsl::filter(table, predicate.clone());
            ExecuteDsl::execute(diesel::delete(rows), conn)
        })
    }
}
