//! What the runner does to the schema, by kind: who tolerates it, and who cannot go on without it.

use std::fmt;

use super::Phase;

/// A change of the schema, of whatever statements a database needs for it.
///
/// A kind has its place between two bounds that follow from what a phase's statements name: it comes after the last phase
/// that does not tolerate it ([`tolerated_by`](Self::tolerated_by)) has died out, and before the first phase that cannot do
/// without it ([`needed_by`](Self::needed_by)) is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ddl {
    /// Add the new column: nullable, without a default, so that no writer that does not know it fails.
    AddNew,
    /// Put the safety net into the form of the standing that is published.
    Net,
    /// Plain copies on the new column of all indexes that the old one has, and of statistics.
    PlainIndexes,
    /// Unique copies of the old column's unique indexes.
    UniqueNew,
    /// The new column gets the old one's NOT NULL and CHECK constraints.
    RequireNew,
    /// The default moves from the old column to the new one: exactly one of them has it at any time.
    DefaultToNew,
    /// The old column loses its NOT NULL and its CHECK constraints: nobody writes it any more.
    FreeOld,
    /// Drop the old column's unique indexes: two arbiters at once break upserts.
    DropUniqueOld,
    /// Remove the triggers, before a column that they name.
    DropNet,
    /// Drop the old column.
    DropOld,
    /// What was copied takes the names of what is gone.
    TakeNames,
    /// Drop the new column.
    DropNew,
    /// The default moves back to the old column.
    DefaultToOld,
    /// The old column's unique indexes come back, and the new column's go.
    UniqueOld,
    /// The old column gets its NOT NULL and its CHECK constraints back.
    RequireOld,
    /// The new column loses its NOT NULL and its CHECK constraints.
    FreeNew,
    /// In place: add the marker, nullable and without a default.
    AddMarker,
    /// In place: triggers that put on record who writes the old column without the marker.
    Watch,
    /// In place: remove them, before the marker that they name.
    StopWatching,
    /// In place: drop the marker, which is empty in every row that was written before.
    DropMarker,
    /// In place: the old column takes the new name.
    Rename,
    /// In place: it takes its old name again.
    RenameBack,
}

impl Ddl {
    /// All kinds.
    pub const ALL: [Ddl; 22] = [
        Ddl::AddNew,
        Ddl::Net,
        Ddl::PlainIndexes,
        Ddl::UniqueNew,
        Ddl::RequireNew,
        Ddl::DefaultToNew,
        Ddl::FreeOld,
        Ddl::DropUniqueOld,
        Ddl::DropNet,
        Ddl::DropOld,
        Ddl::TakeNames,
        Ddl::DropNew,
        Ddl::DefaultToOld,
        Ddl::UniqueOld,
        Ddl::RequireOld,
        Ddl::FreeNew,
        Ddl::AddMarker,
        Ddl::Watch,
        Ddl::StopWatching,
        Ddl::DropMarker,
        Ddl::Rename,
        Ddl::RenameBack,
    ];

    /// A few words for a table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ddl::AddNew => "add new",
            Ddl::Net => "safety net",
            Ddl::PlainIndexes => "plain indexes on new",
            Ddl::UniqueNew => "unique indexes on new",
            Ddl::RequireNew => "new NOT NULL and CHECKs",
            Ddl::DefaultToNew => "default to new",
            Ddl::FreeOld => "old optional",
            Ddl::DropUniqueOld => "drop old's unique indexes",
            Ddl::DropNet => "drop safety net",
            Ddl::DropOld => "drop old",
            Ddl::TakeNames => "rename copies",
            Ddl::DropNew => "drop new",
            Ddl::DefaultToOld => "default to old",
            Ddl::UniqueOld => "unique indexes on old",
            Ddl::RequireOld => "old NOT NULL and CHECKs",
            Ddl::FreeNew => "new optional",
            Ddl::AddMarker => "add marker",
            Ddl::Watch => "watch",
            Ddl::StopWatching => "stop watching",
            Ddl::DropMarker => "drop marker",
            Ddl::Rename => "rename",
            Ddl::RenameBack => "rename back",
        }
    }

    /// Whether statements of the phase, and writers that know only what it names, go on through it.
    pub const fn tolerated_by(self, phase: Phase) -> bool {
        match self {
            // Nothing that a statement names goes away, and no value is asked for. With a moved default the net tells an
            // unnamed column from a written one.
            Ddl::AddNew
            | Ddl::Net
            | Ddl::PlainIndexes
            | Ddl::FreeOld
            | Ddl::FreeNew
            | Ddl::DefaultToNew
            | Ddl::DefaultToOld
            | Ddl::TakeNames
            | Ddl::AddMarker
            | Ddl::Watch
            | Ddl::StopWatching => true,
            // a value is asked for
            Ddl::UniqueNew | Ddl::RequireNew => phase.writes_new(),
            // the new column's index is the arbiter until the phase is back at the old one
            Ddl::UniqueOld | Ddl::RequireOld => phase.writes_old(),
            // where the old column is not written, its index is not the arbiter
            Ddl::DropUniqueOld | Ddl::DropOld => !phase.names_old(),
            Ddl::DropNew => !phase.names_new(),
            // who does not is built again
            Ddl::Rename => !phase.names_old(),
            Ddl::RenameBack => matches!(phase, Phase::Original | Phase::Expanded),
            Ddl::DropMarker => !matches!(phase, Phase::Expanded),
            // where both columns are in use a one-sided write must not go by unseen
            Ddl::DropNet => !(phase.names_old() && phase.names_new()),
        }
    }

    /// Whether a statement of the phase fails, or is not caught if it comes late, as long as this is not done.
    pub const fn needed_by(self, phase: Phase) -> bool {
        match self {
            Ddl::AddNew => phase.names_new(),
            Ddl::AddMarker => matches!(phase, Phase::Expanded),
            Ddl::Rename => matches!(phase, Phase::Contracted),
            Ddl::RenameBack => matches!(phase, Phase::Original),
            Ddl::Net => phase.names_old() && phase.names_new(),
            // a statement that names one column leaves the other one empty
            Ddl::FreeOld => !phase.writes_old(),
            Ddl::FreeNew => !phase.writes_new(),
            // the arbiter of upserts
            Ddl::UniqueNew => !phase.writes_old(),
            Ddl::UniqueOld => phase.writes_old(),
            Ddl::PlainIndexes
            | Ddl::RequireNew
            | Ddl::DefaultToNew
            | Ddl::DropUniqueOld
            | Ddl::DropNet
            | Ddl::DropOld
            | Ddl::TakeNames
            | Ddl::DropNew
            | Ddl::DefaultToOld
            | Ddl::RequireOld
            | Ddl::Watch
            | Ddl::StopWatching
            | Ddl::DropMarker => false,
        }
    }
}

impl fmt::Display for Ddl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
