//! Partitions, and what an index of a partitioned table consists of.

use crate::definition::TableName;
use crate::plan::cost::Size;

/// A partition of a table, or of one of its partitions.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct Partition {
    /// The database's own handle.
    pub(crate) id: String,
    pub(crate) name: TableName,
    /// The partition that it is one of; none: the table's own.
    pub(crate) parent: Option<String>,
    /// It is partitioned itself, and holds no row.
    pub(crate) partitioned: bool,
    pub(crate) size: Size,
    /// Its indexes that belong to none of the table's: names, and whether they are valid.
    pub(crate) loose: Vec<(String, bool)>,
    /// Its foreign keys.
    pub(crate) keys: Vec<PartKey>,
    /// Columns with a statistics target of their own, which a partition that is created does not get from the table.
    pub(crate) targets: Vec<(String, String)>,
    /// Why nothing can be done about it, if so.
    pub(crate) problem: Option<&'static str>,
}

/// A partition's foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct PartKey {
    pub(crate) name: String,
    /// The table's that it belongs to, if it does.
    pub(crate) of: Option<String>,
    pub(crate) validated: bool,
}

/// A partition's index that belongs to one of the table's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct Part {
    /// The partition's handle.
    pub(crate) of: String,
    pub(crate) name: String,
}
