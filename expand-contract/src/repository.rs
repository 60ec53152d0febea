//! The repository that `#[derive(Migrate)]` makes: methods instead of queries.
//!
//! It is thin: every method builds the statement that a user would write and sends it.

use diesel::backend::Backend;
use diesel::connection::Connection;
use diesel::dsl;
use diesel::expression::{
    is_aggregate, AppearsOnTable, AsExpression, Expression, Selectable, SelectableExpression,
    SelectableHelper, ValidGrouping,
};
use diesel::insertable::Insertable;
use diesel::internal::derives::multiconnection::ReturningClause;
use diesel::query_builder::{
    AsChangeset, AsQuery, AstPass, DeleteStatement, IncompleteInsertStatement, InsertStatement,
    IntoUpdateTarget, Query, QueryFragment, QueryId, UpdateStatement,
};
use diesel::query_dsl::methods::{ExecuteDsl, FilterDsl, LimitDsl, LoadQuery, OrderDsl, SelectDsl};
use diesel::query_source::Table;
use diesel::result::Error::NotFound;
use diesel::result::QueryResult;
use diesel::sql_types::Bool;
use diesel::RunQueryDsl;

use crate::query::{Change, Compared, Converts, Equal, PhaseColumn};

/// Rows per statement of `insert_all`: a row of the widest table (128 columns, each changed) times this stays below
/// SQLite's 32,766 binds and PostgreSQL's 65,535.
pub const ROWS_PER_INSERT: usize = 120;

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

/// `INSERT … ON CONFLICT (key) DO UPDATE SET … RETURNING …`.
///
/// Diesel's own statement has no type that a generic method could name.
#[derive(Debug, Clone)]
pub struct Upsert<I, C, S> {
    insert: I,
    key: &'static [&'static str],
    changes: C,
    returning: S,
}

impl<I, C, S> Upsert<I, C, S> {
    /// The statement.
    pub fn new(insert: I, key: &'static [&'static str], changes: C, returning: S) -> Self {
        Upsert {
            insert,
            key,
            changes,
            returning,
        }
    }
}

impl<I, C, S: Expression> Query for Upsert<I, C, S> {
    type SqlType = S::SqlType;
}

impl<I, C, S, Conn> RunQueryDsl<Conn> for Upsert<I, C, S> {}

impl<I, C, S> QueryId for Upsert<I, C, S> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<I, C, S, DB> QueryFragment<DB> for Upsert<I, C, S>
where
    I: QueryFragment<DB>,
    C: QueryFragment<DB>,
    S: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.insert.walk_ast(out.reborrow())?;
        out.push_sql(" ON CONFLICT (");
        for (i, column) in self.key.iter().enumerate() {
            if i > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(column)?;
        }
        out.push_sql(") DO UPDATE SET ");
        if self.changes.is_noop(out.backend())? {
            // nothing to change, but DO NOTHING would return no row
            let first = self.key.first().copied().unwrap_or_default();
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
    C: Connection,
    M: Selectable<C::Backend, SelectExpression: QueryId>,
    T: FilterDsl<P>,
    dsl::Filter<T, P>: SelectDsl<Row<M, C>>,
    dsl::Select<dsl::Filter<T, P>, Row<M, C>>: LoadQuery<'q, C, M>,
{
    fn find(table: T, predicate: P, conn: &mut C) -> QueryResult<Vec<M>> {
        FilterDsl::filter(table, predicate)
            .select(M::as_select())
            .internal_load(conn)?
            .collect()
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
    C: Connection,
    K: Expression,
    M: Selectable<C::Backend, SelectExpression: QueryId>,
    T: FilterDsl<P>,
    dsl::Filter<T, P>: OrderDsl<K>,
    dsl::Order<dsl::Filter<T, P>, K>: LimitDsl,
    dsl::Limit<dsl::Order<dsl::Filter<T, P>, K>>: SelectDsl<Row<M, C>>,
    dsl::Select<dsl::Limit<dsl::Order<dsl::Filter<T, P>, K>>, Row<M, C>>: LoadQuery<'q, C, M>,
{
    fn list(table: T, key: K, behind: P, limit: i64, conn: &mut C) -> QueryResult<Vec<M>> {
        let ordered = OrderDsl::order(FilterDsl::filter(table, behind), key);
        LimitDsl::limit(ordered, limit)
            .select(M::as_select())
            .internal_load(conn)?
            .collect()
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
    C: Connection,
    M: Selectable<C::Backend, SelectExpression: QueryId>,
    T: Table,
    R: Insertable<T>,
    Returning<T, R::Values, Row<M, C>>: Query + LoadQuery<'q, C, M>,
    InsertStatement<T, R::Values>:
        IntoReturning<Row<M, C>, Output = Returning<T, R::Values, Row<M, C>>>,
{
    fn insert(table: T, record: R, conn: &mut C) -> QueryResult<M> {
        diesel::insert_into(table)
            .values(record)
            .into_returning(M::as_select())
            .internal_load(conn)?
            .next()
            .unwrap_or(Err(NotFound))
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
    C: Connection,
    T: Table + Copy,
    Vec<R>: Insertable<T>,
    InsertStatement<T, <Vec<R> as Insertable<T>>::Values>: ExecuteDsl<C>,
{
    fn insert_all(
        table: T,
        records: impl IntoIterator<Item = R>,
        conn: &mut C,
    ) -> QueryResult<usize> {
        let mut records = records.into_iter();
        conn.transaction(|conn| {
            let mut rows = 0;
            loop {
                let chunk: Vec<R> = records.by_ref().take(ROWS_PER_INSERT).collect();
                if chunk.is_empty() {
                    return Ok(rows);
                }
                rows += ExecuteDsl::execute(diesel::insert_into(table).values(chunk), conn)?;
            }
        })
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
    C: Connection,
    M: Selectable<C::Backend, SelectExpression: QueryId>,
    T: Table,
    R: Copy + Insertable<T> + AsChangeset<Target = T>,
    Upsert<InsertStatement<T, R::Values>, R::Changeset, Row<M, C>>: LoadQuery<'q, C, M>,
{
    fn upsert(table: T, key: &'static [&'static str], record: R, conn: &mut C) -> QueryResult<M> {
        let insert = diesel::insert_into(table).values(record);
        Upsert::new(insert, key, record.as_changeset(), M::as_select())
            .internal_load(conn)?
            .next()
            .unwrap_or(Err(NotFound))
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
    C: Connection,
    T: Table + FilterDsl<P>,
    dsl::Filter<T, P>: IntoUpdateTarget<Table = T>,
    R: AsChangeset<Target = T>,
    UpdateStatement<T, <dsl::Filter<T, P> as IntoUpdateTarget>::WhereClause, R::Changeset>:
        AsQuery + ExecuteDsl<C>,
{
    fn update(table: T, predicate: P, changes: R, conn: &mut C) -> QueryResult<usize> {
        ExecuteDsl::execute(
            diesel::update(FilterDsl::filter(table, predicate)).set(changes),
            conn,
        )
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
    C: Connection,
    T: Table + FilterDsl<P>,
    dsl::Filter<T, P>: IntoUpdateTarget<Table = T>,
    DeleteStatement<T, <dsl::Filter<T, P> as IntoUpdateTarget>::WhereClause>: ExecuteDsl<C>,
{
    fn delete(table: T, predicate: P, conn: &mut C) -> QueryResult<usize> {
        ExecuteDsl::execute(diesel::delete(FilterDsl::filter(table, predicate)), conn)
    }
}
