//! The databases: what differs between them lies below this module and nowhere else.

#[cfg(feature = "database")]
#[macro_use]
mod diesel_backend;

#[cfg(feature = "database")]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) mod builder;
#[cfg(feature = "database")]
mod connection;
pub(crate) mod conversion;
#[cfg(feature = "database")]
mod convert;
#[cfg(feature = "database")]
pub(crate) mod driver;
pub(crate) mod mirror;
#[cfg(any(feature = "postgres-backend", feature = "build"))]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) mod postgres;
pub(crate) mod queue;
pub(crate) mod rules;
pub(crate) mod session;
#[cfg(any(feature = "sqlite", feature = "build"))]
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
pub(crate) mod sqlite;

#[cfg(feature = "database")]
pub(crate) use connection::ConnectionSession;
#[cfg(feature = "database")]
pub use connection::RawQuery;
pub use conversion::{Direction, Outcome, Request};
#[cfg(feature = "database")]
pub use convert::{Converter, RustConversion, RustConverter};
#[cfg(feature = "database")]
pub use diesel_backend::{RunnerBackend, RunnerConnection};
pub use session::{Session, TextRow};

use crate::definition::TableName;
use crate::error::Error;

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
