//! Diesel's connections as sessions.

use std::marker::PhantomData;
use std::ops::DerefMut;

use diesel::backend::Backend;
use diesel::connection::TransactionManager;
use diesel::deserialize::{FromSql, QueryableByName};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::row::{Field, NamedRow};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Nullable, Text, Untyped};
use diesel::RunQueryDsl;

use super::conversion::{Outcome, Request};
use super::convert::Converter;
use super::session::{Session, TextRow, BIND};
use super::{RunnerBackend, RunnerConnection};
use crate::definition::Dialect;
use crate::error::Error;

/// SQL in pieces with typed values between them.
///
/// Unlike Diesel's own raw query it can be built for any backend.
pub struct RawQuery<DB: Backend> {
    sql: Vec<String>,
    binds: Vec<Box<dyn QueryFragment<DB>>>,
    cached: bool,
}

struct Bound<ST, T>(T, PhantomData<ST>);

impl<DB, ST, T> QueryFragment<DB> for Bound<ST, T>
where
    DB: Backend + HasSqlType<ST>,
    T: ToSql<ST, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_bind_param::<ST, T>(&self.0)
    }
}

/// A value by itself, as part of a query.
pub(crate) fn bound<ST, T, DB>(value: T) -> Box<dyn QueryFragment<DB>>
where
    DB: Backend + HasSqlType<ST>,
    ST: 'static,
    T: ToSql<ST, DB> + 'static,
{
    Box::new(Bound::<ST, T>(value, PhantomData))
}

impl<DB: Backend> RawQuery<DB> {
    /// `sql` with [`BIND`] in the places of values.
    pub(crate) fn new(sql: &str) -> Self {
        RawQuery {
            sql: sql.split(BIND).map(str::to_owned).collect(),
            binds: Vec::new(),
            cached: false,
        }
    }

    /// Keeps the statement prepared, for texts that come again and again: on SQLite. On a server the connection may lead
    /// through a pooler that gives each transaction another process, which knows nothing of what another one has prepared.
    pub(crate) fn cached(mut self) -> Self
    where
        DB: RunnerBackend,
    {
        self.cached = DB::DIALECT == Dialect::Sqlite;
        self
    }

    /// The next value.
    pub(crate) fn bind<ST, T>(mut self, value: T) -> Self
    where
        DB: HasSqlType<ST>,
        ST: 'static,
        T: ToSql<ST, DB> + 'static,
    {
        self.binds.push(bound::<ST, T, DB>(value));
        self
    }

    /// The next values, ready to be sent.
    pub(crate) fn fragments(mut self, fragments: Vec<Box<dyn QueryFragment<DB>>>) -> Self {
        self.binds.extend(fragments);
        self
    }

    /// The next values, as text.
    pub(crate) fn texts(mut self, values: &[Option<String>]) -> Self
    where
        DB: HasSqlType<Text>,
        Option<String>: ToSql<Nullable<Text>, DB>,
    {
        for value in values {
            self = self.bind::<Nullable<Text>, _>(value.clone());
        }
        self
    }
}

impl<DB: Backend> QueryFragment<DB> for RawQuery<DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // where the text differs from call to call, the connection's cache must not grow
        if !self.cached {
            out.unsafe_to_cache_prepared();
        }
        if self.sql.len() != self.binds.len() + 1 {
            return Err(diesel::result::Error::QueryBuilderError(
                "number of places and of bound values differ".into(),
            ));
        }
        let mut binds = self.binds.iter();
        for piece in &self.sql {
            out.push_sql(piece);
            if let Some(bind) = binds.next() {
                bind.walk_ast(out.reborrow())?;
            }
        }
        Ok(())
    }
}

impl<DB: Backend> QueryId for RawQuery<DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> Query for RawQuery<DB> {
    type SqlType = Untyped;
}

impl<DB: Backend, C: diesel::Connection<Backend = DB>> RunQueryDsl<C> for RawQuery<DB> {}

/// A row of text columns, however many.
pub(crate) struct AnyRow(pub(crate) TextRow);

impl<DB> QueryableByName<DB> for AnyRow
where
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> diesel::deserialize::Result<Self> {
        let mut values = Vec::with_capacity(row.field_count());
        for i in 0..row.field_count() {
            let field =
                diesel::row::Row::get(row, i).ok_or("a row ended before its last column")?;
            values.push(match field.value() {
                Some(value) => Some(<String as FromSql<Text, DB>>::from_sql(value)?),
                None => None,
            });
        }
        Ok(AnyRow(values))
    }
}

/// A [`Session`] on any connection whose backend the runner knows: borrowed, or a [`Box`] of its own.
pub(crate) struct ConnectionSession<H, C> {
    conn: H,
    converters: Vec<Box<dyn Converter<C>>>,
}

impl<C, H> ConnectionSession<H, C>
where
    C: RunnerConnection,
    H: DerefMut<Target = C>,
{
    pub(crate) fn new(conn: H, converters: Vec<Box<dyn Converter<C>>>) -> Self {
        ConnectionSession { conn, converters }
    }
}

impl<C, H> Session for ConnectionSession<H, C>
where
    C: RunnerConnection,
    H: DerefMut<Target = C>,
{
    fn dialect(&self) -> Dialect {
        <C::Backend as RunnerBackend>::DIALECT
    }

    fn batch(&mut self, sql: &str) -> QueryResult<()> {
        self.conn.batch_execute(sql)
    }

    fn execute(&mut self, sql: &str, binds: &[Option<String>]) -> QueryResult<usize> {
        let query = <C::Backend as RunnerBackend>::text_query(sql, binds);
        <C::Backend as RunnerBackend>::execute(&mut *self.conn, query)
    }

    fn rows(&mut self, sql: &str, binds: &[Option<String>]) -> QueryResult<Vec<TextRow>> {
        let query = <C::Backend as RunnerBackend>::text_query(sql, binds);
        <C::Backend as RunnerBackend>::text_rows(&mut *self.conn, query)
    }

    fn begin(&mut self) -> QueryResult<()> {
        C::TransactionManager::begin_transaction(&mut *self.conn)
    }

    fn commit(&mut self) -> QueryResult<()> {
        C::TransactionManager::commit_transaction(&mut *self.conn)
    }

    fn rollback(&mut self) -> QueryResult<()> {
        C::TransactionManager::rollback_transaction(&mut *self.conn)
    }

    fn depth(&mut self) -> QueryResult<u32> {
        C::TransactionManager::transaction_manager_status_mut(&mut *self.conn)
            .transaction_depth()
            .map(|depth| depth.map_or(0, |n| n.get()))
    }

    fn convert(&mut self, change: usize, request: &Request) -> Result<Outcome, Error> {
        match self.converters.iter().find(|c| c.change() == change) {
            Some(converter) => converter.run(&mut *self.conn, request),
            None => Err(Error::Unexpected {
                what: format!("the Rust conversion of change {change}: none was registered"),
            }),
        }
    }
}
