//! Where a copy or comparison is: the key behind which the next batch begins.

use super::store::{text, Ledger};
use crate::backend::session::{Session, BIND};
use crate::error::{Error, While};

impl Ledger {
    /// The stored key of a slot; none: before the first row.
    pub(crate) fn cursor(
        &self,
        s: &mut dyn Session,
        slot: &str,
    ) -> Result<Option<Vec<Option<String>>>, Error> {
        let sql = format!(
            "SELECT CAST(value AS text) FROM {} WHERE {} AND slot = {BIND} ORDER BY position",
            self.table("cursors"),
            self.me()
        );
        let rows = s
            .rows(&sql, &[self.id(), text(slot)])
            .during("reading the cursor")?;
        let values: Vec<Option<String>> = rows.into_iter().flatten().collect();
        Ok((!values.is_empty()).then_some(values))
    }

    /// Stores the key of a slot.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn set_cursor(
        &self,
        s: &mut dyn Session,
        slot: &str,
        key: &[Option<String>],
    ) -> Result<(), Error> {
        self.clear_cursor(s, slot)?;
        for (position, value) in key.iter().enumerate() {
            let sql = format!(
                "INSERT INTO {} (id, slot, value, generation, position) VALUES ({BIND}, {BIND}, {BIND}, {}, {position})",
                self.table("cursors"),
                self.def.generation
            );
            s.execute(&sql, &[self.id(), text(slot), value.clone()])
                .during("storing the cursor")?;
        }
        Ok(())
    }

    /// Stores the first row of a query as the key of a slot, each value with the type it has. Whether there was a row.
    ///
    /// `query` has columns `ec_key_0`, `ec_key_1` … (SQLite).
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn set_cursor_from(
        &self,
        s: &mut dyn Session,
        slot: &str,
        query: &str,
        width: usize,
    ) -> Result<bool, Error> {
        self.clear_cursor(s, slot)?;
        let positions: Vec<String> = (0..width).map(|p| format!("SELECT {p} AS p")).collect();
        let values: Vec<String> = (0..width)
            .map(|p| format!("WHEN {p} THEN ec_key_{p}"))
            .collect();
        let sql = format!(
            "INSERT INTO {} (id, slot, generation, position, value) \
             SELECT {BIND}, {BIND}, {}, p, CASE p {} END FROM ({query}), ({})",
            self.table("cursors"),
            self.def.generation,
            values.join(" "),
            positions.join(" UNION ALL ")
        );
        let stored = s
            .execute(&sql, &[self.id(), text(slot)])
            .during("storing the cursor")?;
        Ok(stored > 0)
    }

    /// A scalar sub-select for one value of a slot's key (SQLite). `id`: the migration's id as a literal.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn cursor_value(&self, id: &str, slot: &str, position: usize) -> String {
        format!(
            "(SELECT value FROM {} WHERE id = {id} AND generation = {} AND slot = '{slot}' AND position = {position})",
            self.table("cursors"),
            self.def.generation
        )
    }

    /// Moves the key of one slot to another.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn move_cursor(
        &self,
        s: &mut dyn Session,
        from: &str,
        to: &str,
    ) -> Result<(), Error> {
        self.clear_cursor(s, to)?;
        let sql = format!(
            "UPDATE {} SET slot = {BIND} WHERE {} AND slot = {BIND}",
            self.table("cursors"),
            self.me()
        );
        s.execute(&sql, &[text(to), self.id(), text(from)])
            .during("moving the cursor")?;
        Ok(())
    }

    /// Back to before the first row.
    pub(crate) fn clear_cursor(&self, s: &mut dyn Session, slot: &str) -> Result<(), Error> {
        let sql = format!(
            "DELETE FROM {} WHERE {} AND slot = {BIND}",
            self.table("cursors"),
            self.me()
        );
        s.execute(&sql, &[self.id(), text(slot)])
            .during("clearing the cursor")?;
        Ok(())
    }
}
