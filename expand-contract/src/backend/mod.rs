//! The databases: what differs between them lies below this module and nowhere else.

#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) mod builder;
mod convert;
pub(crate) mod driver;
pub(crate) mod mirror;
#[cfg(feature = "postgres-backend")]
pub(crate) mod postgres;
pub(crate) mod queue;
pub(crate) mod rules;
pub(crate) mod session;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::deserialize::QueryableByName;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{is_nullable, HasSqlType, SingleValue, SqlType};
use diesel::Connection;

pub use convert::{Converter, Direction, Outcome, Request, RustConversion, RustConverter};
pub use session::{RawQuery, Session, TextRow};

use crate::definition::{Dialect, TableName};
use crate::error::Error;

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
                let rows: Vec<crate::backend::session::AnyRow> =
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
                crate::backend::render(fragment, &<$backend>::default())
            }
        }
    };
}
#[allow(unused_imports)]
pub(crate) use runner_backend;

#[allow(dead_code)]
fn render<DB, T>(fragment: &T, backend: &DB) -> QueryResult<String>
where
    DB: Backend,
    DB::QueryBuilder: Default,
    T: QueryFragment<DB>,
{
    let mut out = DB::QueryBuilder::default();
    fragment.to_sql(&mut out, backend)?;
    Ok(out.finish())
}

/// A table's name from the way Diesel writes it: one or two quoted identifiers.
pub(crate) fn parse_table_name(sql: &str) -> Result<TableName, Error> {
    let unexpected = || Error::Unexpected {
        what: format!("the name of the table, {sql}"),
    };
    let mut names = Vec::new();
    let mut chars = sql.trim().chars().peekable();
    while let Some(quote) = chars.next() {
        if quote != '"' && quote != '`' {
            return Err(unexpected());
        }
        let mut name = String::new();
        loop {
            match chars.next() {
                Some(c) if c == quote => {
                    if chars.peek() == Some(&quote) {
                        chars.next();
                        name.push(quote);
                    } else {
                        break;
                    }
                }
                Some(c) => name.push(c),
                None => return Err(unexpected()),
            }
        }
        names.push(name);
        match chars.next() {
            Some('.') | None => {}
            Some(_) => return Err(unexpected()),
        }
    }
    let mut names = names.into_iter();
    match (names.next(), names.next(), names.next()) {
        (Some(name), None, _) => Ok(TableName { schema: None, name }),
        (Some(schema), Some(name), None) => Ok(TableName {
            schema: Some(schema),
            name,
        }),
        _ => Err(unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_come_out_of_their_quotes() {
        let name = |schema: Option<&str>, name: &str| TableName {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
        };
        assert_eq!(parse_table_name("\"a\"").unwrap(), name(None, "a"));
        assert_eq!(
            parse_table_name("`My.Schema`.`or``der`").unwrap(),
            name(Some("My.Schema"), "or`der")
        );
        assert_eq!(
            parse_table_name("\"Weiße Größe\"").unwrap(),
            name(None, "Weiße Größe")
        );
        for wrong in ["", "a", "\"a", "\"a\"b", "\"a\".\"b\".\"c\""] {
            assert!(parse_table_name(wrong).is_err(), "{wrong}");
        }
    }
}
