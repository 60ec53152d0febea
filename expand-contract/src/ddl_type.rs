//! The database type of a Diesel SQL type, for the new column of a retype.

use diesel::sql_types::{self, SqlType};

/// The database type that a new column gets if the annotation gives no `sql_type`.
///
/// Implement it for SQL types of your own, or write `sql_type = "…"`.
#[diagnostic::on_unimplemented(
    message = "the database type of `{Self}` is not known",
    note = "add `sql_type = \"…\"` to the annotation, or implement `expand_contract::DdlType` for the SQL type"
)]
pub trait DdlType {
    /// The type on PostgreSQL; none: there is none, the annotation must give one.
    const POSTGRES: Option<&'static str>;
    /// The type on SQLite; Diesel reads by storage class, so the affinity is what counts.
    const SQLITE: Option<&'static str>;
}

impl<T: DdlType + SqlType> DdlType for sql_types::Nullable<T> {
    const POSTGRES: Option<&'static str> = T::POSTGRES;
    const SQLITE: Option<&'static str> = T::SQLITE;
}

macro_rules! ddl_types {
    ($($ty:ident: $postgres:literal, $sqlite:literal;)+) => {$(
        impl DdlType for sql_types::$ty {
            const POSTGRES: Option<&'static str> = Some($postgres);
            const SQLITE: Option<&'static str> = Some($sqlite);
        }
    )+};
}

ddl_types! {
    SmallInt: "smallint", "SMALLINT";
    Integer: "integer", "INTEGER";
    BigInt: "bigint", "BIGINT";
    Float: "real", "REAL";
    Double: "double precision", "DOUBLE";
    Numeric: "numeric", "NUMERIC";
    Bool: "boolean", "BOOLEAN";
    Text: "text", "TEXT";
    Binary: "bytea", "BLOB";
    Date: "date", "DATE";
    Time: "time", "TIME";
    Timestamp: "timestamp", "TIMESTAMP";
}

#[cfg(feature = "sqlite")]
impl DdlType for sql_types::TimestamptzSqlite {
    const POSTGRES: Option<&'static str> = None;
    const SQLITE: Option<&'static str> = Some("TIMESTAMPTZ");
}

#[cfg(feature = "postgres-backend")]
mod postgres {
    use super::DdlType;
    use diesel::sql_types;

    macro_rules! postgres_types {
        ($($ty:ident: $postgres:literal;)+) => {$(
            impl DdlType for sql_types::$ty {
                const POSTGRES: Option<&'static str> = Some($postgres);
                const SQLITE: Option<&'static str> = None;
            }
        )+};
    }

    postgres_types! {
        Timestamptz: "timestamptz";
        Interval: "interval";
        Uuid: "uuid";
        Jsonb: "jsonb";
        Inet: "inet";
        Cidr: "cidr";
        MacAddr: "macaddr";
        Money: "money";
        Oid: "oid";
        Citext: "citext";
    }
}

/// Whether a SQL type is nullable.
#[doc(hidden)]
pub const fn nullable<T: SqlType>() -> bool
where
    T::IsNull: Nullability,
{
    <T::IsNull as Nullability>::NULLABLE
}

/// Diesel's two marker types as a constant.
#[doc(hidden)]
pub trait Nullability {
    /// Whether NULL is a value of the type.
    const NULLABLE: bool;
}

impl Nullability for sql_types::is_nullable::IsNullable {
    const NULLABLE: bool = true;
}

impl Nullability for sql_types::is_nullable::NotNull {
    const NULLABLE: bool = false;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ddl_names::NAMES;

    /// A build script says the same of a type as the compiler.
    #[test]
    fn names_say_what_types_say() {
        macro_rules! same {
            ($($ty:ident)+) => {$(
                let (_, names) = NAMES
                    .iter()
                    .find(|(name, _)| *name == stringify!($ty))
                    .unwrap_or_else(|| panic!("{} has no names", stringify!($ty)));
                let of_type = (
                    <sql_types::$ty as DdlType>::POSTGRES,
                    <sql_types::$ty as DdlType>::SQLITE,
                );
                assert_eq!((names.postgres, names.sqlite), of_type, stringify!($ty));
            )+};
        }
        same! {
            SmallInt Smallint Int2 Integer Int4 BigInt Bigint Int8 Float Float4 Double Float8 Numeric Decimal Bool Text
            VarChar Varchar Char Tinytext Mediumtext Longtext Binary Blob Tinyblob Mediumblob Longblob Varbinary Bit Date
            Time Timestamp
        }
        #[cfg(feature = "sqlite")]
        same! { TimestamptzSqlite }
        #[cfg(feature = "postgres-backend")]
        same! {
            SmallSerial Serial BigSerial Bytea Bpchar Timestamptz Interval Uuid Jsonb Inet Cidr MacAddr Macaddr Money Oid
            Citext
        }
    }
}
