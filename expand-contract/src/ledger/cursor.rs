//! Where a copy or comparison is: for each range of keys the key behind which its next batch begins, and its end.
//!
//! A range is named by its slot: the walk's own name for the first one, `<walk>:<number>` for the others. Its end is stored
//! under `<slot>:end` for as long as it is not done.

use std::collections::BTreeMap;

use super::store::{text, Ledger};
use crate::backend::driver::{Key, Segment};
use crate::backend::session::{Session, BIND};
use crate::definition::Dialect;
use crate::error::{Error, While};

const END: &str = ":end";

/// The slot of a walk's range with the number.
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) fn slot(walk: &str, number: u32) -> String {
    match number {
        0 => walk.to_owned(),
        number => format!("{walk}:{number}"),
    }
}

/// The number of a slot of the walk.
pub(crate) fn number(walk: &str, slot: &str) -> Option<u32> {
    match slot.strip_prefix(walk)? {
        "" => Some(0),
        rest => rest.strip_prefix(':')?.parse().ok(),
    }
}

/// The ranges that a walk has not done yet.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    /// In the order of their numbers.
    pub(crate) segments: Vec<Segment>,
    /// Where the first range was left by a release that stored no ends.
    pub(crate) endless: bool,
}

impl Ledger {
    fn stored(&self, s: &mut dyn Session, slots: &str) -> Result<BTreeMap<String, Key>, Error> {
        // SQLite: a key's value has the type it had, and is only looked at by the database
        let value = match self.dialect {
            Dialect::Postgres => "value",
            Dialect::Sqlite => "quote(value)",
        };
        let sql = format!(
            "SELECT slot, {value} FROM {} WHERE {} AND ({slots}) ORDER BY slot, position",
            self.table("cursors"),
            self.me()
        );
        let rows = s.rows(&sql, &[self.id()]).during("reading the cursors")?;
        let mut found: BTreeMap<String, Key> = BTreeMap::new();
        for row in rows {
            let mut row = row.into_iter();
            let slot = row.next().flatten().unwrap_or_default();
            found.entry(slot).or_default().push(row.next().flatten());
        }
        Ok(found)
    }

    /// The ranges of a walk that are stored. `walk`: a word of this library.
    pub(crate) fn unfinished(&self, s: &mut dyn Session, walk: &str) -> Result<Unfinished, Error> {
        let mut found = self.stored(s, &format!("slot = '{walk}' OR slot LIKE '{walk}:%'"))?;
        let mut ends: Vec<(u32, String, Key)> = Vec::new();
        for (name, key) in &found {
            let Some(slot) = name.strip_suffix(END) else {
                continue;
            };
            if let Some(number) = number(walk, slot) {
                ends.push((number, slot.to_owned(), key.clone()));
            }
        }
        ends.sort();
        let segments: Vec<Segment> = ends
            .into_iter()
            .map(|(_, slot, end)| Segment {
                after: found.remove(&slot),
                slot,
                end,
                dense: false,
            })
            .collect();
        Ok(Unfinished {
            endless: found.contains_key(walk),
            segments,
        })
    }

    /// Where a range is; none: it is done.
    pub(crate) fn segment(
        &self,
        s: &mut dyn Session,
        slot: &str,
    ) -> Result<Option<Segment>, Error> {
        let mut found = self.stored(s, &format!("slot IN ('{slot}', '{slot}{END}')"))?;
        Ok(found.remove(&format!("{slot}{END}")).map(|end| Segment {
            slot: slot.to_owned(),
            after: found.remove(slot),
            end,
            dense: false,
        }))
    }

    /// Stores the key of a slot.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn set_cursor(
        &self,
        s: &mut dyn Session,
        slot: &str,
        key: &[Option<String>],
    ) -> Result<(), Error> {
        let generation = self.def.generation;
        let rows: Vec<String> = (0..key.len())
            .map(|position| format!("({BIND}, {BIND}, {BIND}, {generation}, {position})"))
            .collect();
        let sql = format!(
            "INSERT INTO {} (id, slot, value, generation, position) VALUES {} \
             ON CONFLICT (id, generation, slot, position) DO UPDATE SET value = excluded.value",
            self.table("cursors"),
            rows.join(", ")
        );
        let binds: Vec<Option<String>> = key
            .iter()
            .flat_map(|value| [self.id(), text(slot), value.clone()])
            .collect();
        s.execute(&sql, &binds).during("storing the cursor")?;
        Ok(())
    }

    /// Stores a range.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn set_segment(&self, s: &mut dyn Session, segment: &Segment) -> Result<(), Error> {
        if let Some(after) = &segment.after {
            self.set_cursor(s, &segment.slot, after)?;
        }
        self.set_cursor(s, &format!("{}{END}", segment.slot), &segment.end)
    }

    /// Stores the first row of a query as the end of a slot. Whether there was a row.
    pub(crate) fn set_end_from(
        &self,
        s: &mut dyn Session,
        slot: &str,
        query: &str,
        width: usize,
    ) -> Result<bool, Error> {
        self.set_cursor_from(s, &format!("{slot}{END}"), query, width)
    }

    /// Stores the first row of a query as the key of a slot, each value with the type it has. Whether there was a row.
    ///
    /// `query` has columns `ec_key_0`, `ec_key_1` …
    pub(crate) fn set_cursor_from(
        &self,
        s: &mut dyn Session,
        slot: &str,
        query: &str,
        width: usize,
    ) -> Result<bool, Error> {
        self.clear_slots(s, &format!("slot = '{slot}'"))?;
        let positions: Vec<String> = (0..width).map(|p| format!("SELECT {p} AS p")).collect();
        let values: Vec<String> = (0..width)
            .map(|p| format!("WHEN {p} THEN ec_key_{p}"))
            .collect();
        let sql = format!(
            "INSERT INTO {} (id, slot, generation, position, value) \
             SELECT {BIND}, {BIND}, {}, p, CASE p {} END FROM ({query}) ec_found, ({}) ec_positions",
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

    /// Likewise, of a slot's end.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn end_value(&self, id: &str, slot: &str, position: usize) -> String {
        self.cursor_value(id, &format!("{slot}{END}"), position)
    }

    /// Moves the key of one slot to another.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn move_cursor(
        &self,
        s: &mut dyn Session,
        from: &str,
        to: &str,
    ) -> Result<(), Error> {
        self.clear_slots(s, &format!("slot = '{to}'"))?;
        let sql = format!(
            "UPDATE {} SET slot = {BIND} WHERE {} AND slot = {BIND}",
            self.table("cursors"),
            self.me()
        );
        s.execute(&sql, &[text(to), self.id(), text(from)])
            .during("moving the cursor")?;
        Ok(())
    }

    /// A range is done.
    pub(crate) fn clear_segment(&self, s: &mut dyn Session, slot: &str) -> Result<(), Error> {
        self.clear_slots(s, &format!("slot IN ('{slot}', '{slot}{END}')"))
    }

    /// Forgets how far a walk was.
    pub(crate) fn clear_walk(&self, s: &mut dyn Session, walk: &str) -> Result<(), Error> {
        self.clear_slots(s, &format!("slot = '{walk}' OR slot LIKE '{walk}:%'"))
    }

    fn clear_slots(&self, s: &mut dyn Session, slots: &str) -> Result<(), Error> {
        let sql = format!(
            "DELETE FROM {} WHERE {} AND ({slots})",
            self.table("cursors"),
            self.me()
        );
        s.execute(&sql, &[self.id()])
            .during("clearing the cursor")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_tells_its_number() {
        for n in [0, 1, 17] {
            assert_eq!(number("forward", &slot("forward", n)), Some(n));
        }
        for other in [
            "forward:end",
            "forward:next",
            "forwards",
            "verify:3",
            "forward:3:end",
        ] {
            assert_eq!(number("forward", other), None, "{other}");
        }
    }
}
