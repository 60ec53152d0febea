//! What a database says: Diesel's error. A build script has no Diesel, and asks no database.

#[cfg(feature = "database")]
pub(crate) use diesel::result::{Error as DatabaseError, QueryResult};

/// What the backends ask of an error.
pub(crate) struct Said<'e> {
    pub(crate) message: &'e str,
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) is_serialization_failure: bool,
}

/// What the database has said, if the error is its.
#[cfg(feature = "database")]
pub(crate) fn said(error: &super::Error) -> Option<Said<'_>> {
    use diesel::result::DatabaseErrorKind::SerializationFailure;
    match error {
        super::Error::Database {
            source: DatabaseError::DatabaseError(kind, info),
            ..
        } => Some(Said {
            message: info.message(),
            is_serialization_failure: matches!(kind, SerializationFailure),
        }),
        _ => None,
    }
}

#[cfg(not(feature = "database"))]
pub(crate) fn said(_error: &super::Error) -> Option<Said<'_>> {
    None
}

#[cfg(not(feature = "database"))]
pub(crate) use none::{DatabaseError, QueryResult};

#[cfg(not(feature = "database"))]
mod none {
    use std::fmt;

    /// There is none.
    #[derive(Debug)]
    pub(crate) enum DatabaseError {}

    pub(crate) type QueryResult<T> = Result<T, DatabaseError>;

    impl fmt::Display for DatabaseError {
        fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match *self {}
        }
    }

    impl std::error::Error for DatabaseError {}
}
