//! One migration of several, without its type.

use super::{snapshot_of, table_name, MigrateOn};
use crate::backend::session::Session;
use crate::backend::RunnerConnection;
use crate::definition::TableName;
use crate::error::Error;
use crate::options::Options;
use crate::runner::Runner;
use crate::state::{PhaseCell, Snapshot};

/// A migration, and its table as connections of one kind know it.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Member {
    pub(crate) cell: &'static PhaseCell,
    pub(crate) name: TableName,
}

impl Member {
    pub(crate) fn of<M, C>() -> Result<Self, Error>
    where
        C: RunnerConnection,
        M: MigrateOn<C>,
    {
        Ok(Member {
            cell: M::cell(),
            name: table_name::<M, C>()?,
        })
    }

    #[cfg(test)]
    pub(crate) fn test(cell: &'static PhaseCell) -> Self {
        Member {
            cell,
            name: TableName {
                schema: None,
                name: "test".to_owned(),
            },
        }
    }

    /// The phase, and the database's epoch at which it was published; none: the phase was inferred. Reads only.
    pub(crate) fn read(&self, s: &mut dyn Session) -> Result<(Snapshot, Option<i64>), Error> {
        let mut options = Options::default();
        let def = self.cell.definition();
        let mut runner = Runner::new(s, def, self.name.clone(), &mut options)?;
        let position = runner.position()?;
        position.check_sets(def)?;
        let published = position.row.as_ref().map(|row| row.published);
        let snapshot = snapshot_of(self.cell, &mut runner, &position, true)?;
        Ok((snapshot, published))
    }
}
