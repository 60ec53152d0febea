//! The two forms of declaration, with the same names: a scenario takes one of them.

pub(crate) mod ddl;
pub(crate) mod field;
pub(crate) mod table;
