//! The database types of Diesel's SQL types, by their names: what [`DdlType`](crate::DdlType) says of them, for build scripts,
//! which have no Diesel.

/// A type in each dialect; none where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DdlNames {
    pub(crate) postgres: Option<&'static str>,
    pub(crate) sqlite: Option<&'static str>,
}

const fn both(postgres: &'static str, sqlite: &'static str) -> DdlNames {
    DdlNames {
        postgres: Some(postgres),
        sqlite: Some(sqlite),
    }
}

const fn postgres(name: &'static str) -> DdlNames {
    DdlNames {
        postgres: Some(name),
        sqlite: None,
    }
}

const SMALLINT: DdlNames = both("smallint", "SMALLINT");
const INTEGER: DdlNames = both("integer", "INTEGER");
const BIGINT: DdlNames = both("bigint", "BIGINT");
const FLOAT: DdlNames = both("real", "REAL");
const DOUBLE: DdlNames = both("double precision", "DOUBLE");
const NUMERIC: DdlNames = both("numeric", "NUMERIC");
const TEXT: DdlNames = both("text", "TEXT");
const BINARY: DdlNames = both("bytea", "BLOB");

/// Diesel's types and the other names it has for them.
pub(crate) const NAMES: &[(&str, DdlNames)] = &[
    ("SmallInt", SMALLINT),
    ("Smallint", SMALLINT),
    ("Int2", SMALLINT),
    ("SmallSerial", SMALLINT),
    ("Integer", INTEGER),
    ("Int4", INTEGER),
    ("Serial", INTEGER),
    ("BigInt", BIGINT),
    ("Bigint", BIGINT),
    ("Int8", BIGINT),
    ("BigSerial", BIGINT),
    ("Float", FLOAT),
    ("Float4", FLOAT),
    ("Double", DOUBLE),
    ("Float8", DOUBLE),
    ("Numeric", NUMERIC),
    ("Decimal", NUMERIC),
    ("Bool", both("boolean", "BOOLEAN")),
    ("Text", TEXT),
    ("VarChar", TEXT),
    ("Varchar", TEXT),
    ("Bpchar", TEXT),
    ("Char", TEXT),
    ("Tinytext", TEXT),
    ("Mediumtext", TEXT),
    ("Longtext", TEXT),
    ("Binary", BINARY),
    ("Bytea", BINARY),
    ("Blob", BINARY),
    ("Tinyblob", BINARY),
    ("Mediumblob", BINARY),
    ("Longblob", BINARY),
    ("Varbinary", BINARY),
    ("Bit", BINARY),
    ("Date", both("date", "DATE")),
    ("Time", both("time", "TIME")),
    ("Timestamp", both("timestamp", "TIMESTAMP")),
    (
        "TimestamptzSqlite",
        DdlNames {
            postgres: None,
            sqlite: Some("TIMESTAMPTZ"),
        },
    ),
    ("Timestamptz", postgres("timestamptz")),
    ("Interval", postgres("interval")),
    ("Uuid", postgres("uuid")),
    ("Jsonb", postgres("jsonb")),
    ("Inet", postgres("inet")),
    ("Cidr", postgres("cidr")),
    ("MacAddr", postgres("macaddr")),
    ("Macaddr", postgres("macaddr")),
    ("Money", postgres("money")),
    ("Oid", postgres("oid")),
    ("Citext", postgres("citext")),
];
