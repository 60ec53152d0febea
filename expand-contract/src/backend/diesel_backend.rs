//! Diesel's backends as the runner knows them.

use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::deserialize::QueryableByName;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{is_nullable, HasSqlType, SingleValue, SqlType};
use diesel::Connection;

use super::connection::RawQuery;
use super::session::TextRow;
use crate::definition::Dialect;

/// A Diesel backend that the runner knows: `diesel::pg::Pg`, `diesel::sqlite::Sqlite`.
pub trait RunnerBackend: Backend + Default {
    /// The dialect.
    const DIALECT: Dialect;

    /// A statement with text values.
    #[doc(hidden)]
    fn text_query(sql: &str, binds: &[Option<String>]) -> RawQuery<Self>;

    /// Runs a statement.
    #[doc(hidden)]
    fn execute<C>(conn: &mut C, query: RawQuery<Self>) -> QueryResult<usize>
    where
        C: Connection<Backend = Self> + LoadConnection;

    /// Runs a query of text columns.
    #[doc(hidden)]
    fn text_rows<C>(conn: &mut C, query: RawQuery<Self>) -> QueryResult<Vec<TextRow>>
    where
        C: Connection<Backend = Self> + LoadConnection;

    /// Runs a query of any rows.
    #[doc(hidden)]
    fn load<C, U>(conn: &mut C, query: RawQuery<Self>) -> QueryResult<Vec<U>>
    where
        C: Connection<Backend = Self> + LoadConnection,
        U: QueryableByName<Self> + 'static;

    /// Values as one bound array; none where there are no arrays.
    #[doc(hidden)]
    fn array<ST, T>(values: Vec<Option<T>>) -> Option<Box<dyn QueryFragment<Self>>>
    where
        Self: HasSqlType<ST>,
        ST: SqlType<IsNull = is_nullable::NotNull> + SingleValue + 'static,
        T: ToSql<ST, Self> + 'static;

    /// SQL of anything Diesel can write for this backend.
    #[doc(hidden)]
    fn render<T: QueryFragment<Self>>(fragment: &T) -> QueryResult<String>;
}

/// A connection that the runner can use: any connection to a [`RunnerBackend`], pooled ones too.
pub trait RunnerConnection: Connection<Backend: RunnerBackend> + LoadConnection {}

impl<C> RunnerConnection for C where C: Connection<Backend: RunnerBackend> + LoadConnection {}

#[allow(unused_macros)]
macro_rules! runner_backend {
    ($backend:ty, $dialect:expr, |$values:ident: $st:ident| $array:expr) => {
        impl crate::backend::RunnerBackend for $backend {
            const DIALECT: crate::definition::Dialect = $dialect;

            fn text_query(sql: &str, binds: &[Option<String>]) -> crate::backend::RawQuery<Self> {
                crate::backend::RawQuery::new(sql).texts(binds)
            }

            fn execute<C>(
                conn: &mut C,
                query: crate::backend::RawQuery<Self>,
            ) -> diesel::result::QueryResult<usize>
            where
                C: diesel::Connection<Backend = Self> + diesel::connection::LoadConnection,
            {
                diesel::RunQueryDsl::execute(query, conn)
            }

            fn text_rows<C>(
                conn: &mut C,
                query: crate::backend::RawQuery<Self>,
            ) -> diesel::result::QueryResult<Vec<crate::backend::TextRow>>
            where
                C: diesel::Connection<Backend = Self> + diesel::connection::LoadConnection,
            {
                let rows: Vec<crate::backend::connection::AnyRow> =
                    diesel::RunQueryDsl::load(query, conn)?;
                Ok(rows.into_iter().map(|row| row.0).collect())
            }

            fn load<C, U>(
                conn: &mut C,
                query: crate::backend::RawQuery<Self>,
            ) -> diesel::result::QueryResult<Vec<U>>
            where
                C: diesel::Connection<Backend = Self> + diesel::connection::LoadConnection,
                U: diesel::deserialize::QueryableByName<Self> + 'static,
            {
                diesel::RunQueryDsl::load(query, conn)
            }

            fn array<$st, T>(
                $values: Vec<Option<T>>,
            ) -> Option<Box<dyn diesel::query_builder::QueryFragment<Self>>>
            where
                Self: diesel::sql_types::HasSqlType<$st>,
                $st: diesel::sql_types::SqlType<IsNull = diesel::sql_types::is_nullable::NotNull>
                    + diesel::sql_types::SingleValue
                    + 'static,
                T: diesel::serialize::ToSql<$st, Self> + 'static,
            {
                $array
            }

            fn render<T: diesel::query_builder::QueryFragment<Self>>(
                fragment: &T,
            ) -> diesel::result::QueryResult<String> {
                crate::backend::diesel_backend::render(fragment, &<$backend>::default())
            }
        }
    };
}
#[allow(dead_code)]
pub(crate) fn render<DB, T>(fragment: &T, backend: &DB) -> QueryResult<String>
where
    DB: Backend,
    DB::QueryBuilder: Default,
    T: QueryFragment<DB>,
{
    let mut out = DB::QueryBuilder::default();
    fragment.to_sql(&mut out, backend)?;
    Ok(out.finish())
}
