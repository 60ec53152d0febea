//! What the library cannot promise, but can see.

use std::fmt;

/// What kind of thing a [`Notice`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoticeKind {
    /// A function or trigger whose text depends on the table having just the columns it has: `SELECT *`, `NEW.*`, a row
    /// type, `INSERT` or `COPY` without a list of columns.
    WholeRow,
    /// A function whose text names both the table and the old column.
    Function,
    /// A trigger that fires after the library's.
    LateTrigger,
    /// A trigger that fires for the rows that `backfill` writes.
    UpdateTrigger,
    /// A view that hands on whole rows of the table.
    View,
    /// A publication that contains the table.
    Publication,
    /// A subscription that writes the table.
    Subscription,
    /// Transactions of a database or role are REPEATABLE READ or SERIALIZABLE unless they say otherwise.
    Isolation,
    /// A role or database whose writes fire no triggers (`session_replication_role`).
    TriggersOff,
    /// A replica is connected.
    Replica,
    /// A column that refers to the changed one and stays as it is.
    Referencing,
}

impl NoticeKind {
    /// All kinds.
    pub const ALL: [NoticeKind; 11] = [
        NoticeKind::WholeRow,
        NoticeKind::Function,
        NoticeKind::LateTrigger,
        NoticeKind::UpdateTrigger,
        NoticeKind::View,
        NoticeKind::Publication,
        NoticeKind::Subscription,
        NoticeKind::Isolation,
        NoticeKind::TriggersOff,
        NoticeKind::Replica,
        NoticeKind::Referencing,
    ];

    /// What it means for the migration, and what to do.
    pub const fn meaning(self) -> &'static str {
        match self {
            NoticeKind::WholeRow => {
                "depends on the table having just these columns: name the columns in it before expand adds one and \
                 contract drops one"
            }
            NoticeKind::Function => {
                "may read or write the old column: its writes are mirrored until contract, after which it fails; port it \
                 to the new column once that is read"
            }
            NoticeKind::LateTrigger => {
                "fires after the safety net, which does not see what it changes: rename it so that it sorts before `~`"
            }
            NoticeKind::UpdateTrigger => {
                "fires for each row that backfill writes, as for any update (audit rows, `updated_at`, notifications): expect \
                 that, or on PostgreSQL copy with `Options::without_user_triggers`"
            }
            NoticeKind::View => {
                "hands on whole rows: its readers get another row type with expand and with contract"
            }
            NoticeKind::Publication => {
                "sends the table on: expand the subscribers first, contract them last; their triggers do not fire for what \
                 is applied unless they are ENABLE ALWAYS"
            }
            NoticeKind::Subscription => {
                "writes what it receives without firing triggers: as long as its publisher writes only the old column, \
                 those rows are not mirrored, and verify finds them"
            }
            NoticeKind::Isolation => {
                "an update of a row that the copy or a trigger wrote meanwhile fails with 40001 (could not serialize): \
                 such transactions have to be retried, as ever"
            }
            NoticeKind::TriggersOff => {
                "writes without firing triggers: what it writes is not mirrored, and verify finds it"
            }
            NoticeKind::Replica => {
                "replaying a step's DDL may cancel a long query there after max_standby_streaming_delay"
            }
            NoticeKind::Referencing => {
                "cannot hold what only the new type can: give it a migration of its own before such values are written"
            }
        }
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoticeKind::WholeRow => "whole row",
            NoticeKind::Function => "function",
            NoticeKind::LateTrigger => "late trigger",
            NoticeKind::UpdateTrigger => "trigger of updates",
            NoticeKind::View => "view",
            NoticeKind::Publication => "publication",
            NoticeKind::Subscription => "subscription",
            NoticeKind::Isolation => "isolation",
            NoticeKind::TriggersOff => "triggers off",
            NoticeKind::Replica => "replica",
            NoticeKind::Referencing => "referencing column",
        })
    }
}

/// Something in the database for which the library's promise does not hold, or only with a condition. It stops nothing:
/// see to it before `expand`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The kind.
    pub kind: NoticeKind,
    /// The object, as the database prints it.
    pub object: String,
    /// What was found in it, what it means, and what to do.
    pub message: String,
}

impl Notice {
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres-backend")),
        allow(dead_code)
    )]
    pub(crate) fn new(kind: NoticeKind, object: String, found: &str) -> Self {
        let meaning = kind.meaning();
        Notice {
            kind,
            object,
            message: match found {
                "" => meaning.to_owned(),
                found => format!("{found}; {meaning}"),
            },
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.message)
    }
}
