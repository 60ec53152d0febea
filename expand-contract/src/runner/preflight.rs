//! Everything that can be known to go wrong is found before the first change.

use super::job::reason;
use super::{Facts, Runner};
use crate::backend::session::{transaction, Session};
use crate::catalogue::Table;
use crate::definition::{Conversion, Dialect};
use crate::error::{Error, Obstacle, While};
use crate::notice::Notice;
use crate::phase::{Pass, Phase, Side};
use crate::plan::{Active, Context};

/// How many rows a conversion is tried on.
const SAMPLE: u32 = 50;

impl Runner<'_> {
    /// Refuses what `expand` and the steps after it could not carry through. Changes nothing.
    pub(super) fn preflight(&mut self, facts: &Facts) -> Result<(), Error> {
        if self.def.in_place() {
            return self.rename_preflight(facts);
        }
        let table = &facts.table;
        // SQLite's rowid may change: it is no key
        let keyed = table.dialect == Dialect::Postgres || !table.primary_key.is_empty();
        if !keyed || table.cursor.is_empty() {
            return Err(Error::NoPrimaryKey {
                table: table.name.to_string(),
            });
        }
        let name = table.name.to_string();
        if let Some((other, stage)) = self.ledger.other(self.s, &name)? {
            return Err(Error::OtherMigration {
                table: name,
                other,
                stage,
            });
        }
        for change in &facts.changes {
            self.names(facts, change)?;
        }
        if facts.position.stage.pass == Pass::First {
            let cx = self.context(facts);
            refuse(table, cx.unknown_names())?;
        }
        self.obstacles(facts)?;
        let cx = self.context(facts);
        for change in &facts.changes {
            self.conversion(&cx, table, change)?;
        }
        self.given_checks(&cx)
    }

    // Before there is a column of that name and type, a query can have one.
    fn given_checks(&mut self, cx: &Context<'_>) -> Result<(), Error> {
        let (table, mut columns) = (cx.table, Vec::new());
        for change in cx.changes {
            let null = self.driver.typed_null(&cx.new_type(change)?);
            columns.push(format!("{null} AS {}", table.dialect.quote(change.to)));
        }
        let mut refused = Vec::new();
        for (check, condition) in cx.given_checks() {
            let sql = format!(
                "SELECT 'x' FROM (SELECT ec_t.*, {} FROM {} ec_t) ec_q WHERE ({condition}) LIMIT 0",
                columns.join(", "),
                table.sql()
            );
            if let (Err(error), Some(change)) = (self.quiet(&sql), cx.changes.first()) {
                let kind = format!(
                    "annotation that fails ({}), of the CHECK constraint",
                    reason(&error)
                );
                refused.push(Obstacle::new(change.from, &kind, &check.name));
            }
        }
        refuse(table, refused)
    }

    /// What the library cannot promise, but can see; an error for what the next steps would refuse. Reads only.
    pub(crate) fn notices(&mut self) -> Result<Vec<Notice>, Error> {
        self.driver.version(self.s)?;
        let position = self.checked_position()?;
        if position.stage.phase == Phase::Contracted {
            return Ok(Vec::new());
        }
        let facts = self.facts()?;
        let exists = crate::ledger::meta(self.s)?.is_some();
        self.driver.privileges(self.s, &facts.table, exists)?;
        // what a rollback left is dropped by `expand` before it looks
        if position.stage.phase == Phase::Original && !position.cleanup() {
            self.preflight(&facts)?;
        } else {
            self.obstacles(&facts)?;
        }
        let columns: Vec<&str> = facts.changes.iter().map(|change| change.from).collect();
        let mut notices = self.driver.notices(self.s, &facts.table, &columns)?;
        notices.extend(self.rules.notices(&self.context(&facts)));
        Ok(notices)
    }

    /// Refuses a table on whose old columns there is something that cannot be carried.
    pub(super) fn obstacles(&mut self, facts: &Facts) -> Result<(), Error> {
        if self.def.in_place() {
            return self.rename_preflight(facts);
        }
        let table = &facts.table;
        let cx = self.context(facts);
        let mut obstacles = self.driver.obstacles(self.s, &cx)?;
        obstacles.extend(self.driver.key_obstacles(self.s, &cx)?);
        obstacles.extend(cx.untranslatable());
        obstacles.extend(cx.differing());
        if facts.position.stage.phase == Phase::Retired {
            // new's are in force, and these came later
            let late = cx.old_checks().filter_map(|check| {
                let kind = "CHECK constraint that came after `retire`";
                Some(Obstacle::new(cx.changes.first()?.from, kind, &check.name))
            });
            obstacles.extend(late);
        }
        for change in facts.changes.iter().filter(|change| !change.def.lossless) {
            // two old values may become one
            let unique = cx.carried_indexes().filter(|index| {
                index.unique && index.problem.is_none() && index.has_key(change.from, table.dialect)
            });
            obstacles.extend(unique.map(|index| {
                let kind = "unique index under a conversion that is not lossless";
                Obstacle::new(change.from, kind, &index.name)
            }));
        }
        refuse(table, obstacles)
    }

    fn names(&mut self, facts: &Facts, change: &Active) -> Result<(), Error> {
        let table = &facts.table;
        if let Some(limit) = table.dialect.max_identifier_bytes() {
            for name in [change.from, change.to] {
                if name.len() > limit {
                    return Err(Error::NameTooLong {
                        name: name.to_owned(),
                        limit,
                    });
                }
            }
        }
        let taken = table.has(change.to);
        // after a finished rollback the ledger has a row, but the columns of the migration are gone
        let in_place = facts.position.stage.pass == Pass::First && change.from == change.to;
        if taken && !in_place {
            return Err(Error::BothColumns {
                table: table.name.to_string(),
                migration: self.def.id.to_owned(),
                old: change.from.to_owned(),
                new: change.to.to_owned(),
                ledger: crate::ledger::place(table.dialect),
            });
        }
        Ok(())
    }

    fn conversion(
        &mut self,
        cx: &Context<'_>,
        table: &Table,
        change: &Active,
    ) -> Result<(), Error> {
        let new_type = cx.new_type(change)?;
        if change.frozen.default.is_some() && change.conversion == Conversion::Rust {
            return Err(Error::Obstacles {
                table: table.name.to_string(),
                obstacles: vec![Obstacle::new(
                    change.from,
                    "default that only Rust can convert",
                    change.frozen.default.as_deref().unwrap_or_default(),
                )],
            });
        }
        let quote = |name: &str| table.dialect.quote(name);
        let (old, new) = (quote(change.from), quote(change.to));
        let sql = cx.table.sql();
        let fails = |direction, error: &Error| Error::Conversion {
            column: change.def.new.to_owned(),
            direction,
            reason: reason(error),
        };
        // also a type that does not exist
        let text = |expr: &str| cx.rules.text(expr);
        let null = format!("SELECT {}", text(&self.driver.typed_null(&new_type)));
        self.quiet(&null).map_err(|error| fails("up", &error))?;
        let Some(up) = cx.convert(change, Side::Old, &old)? else {
            return Ok(());
        };
        let up = text(&self.driver.as_type(&up, &new_type));
        self.quiet(&format!("SELECT {up} FROM {sql} LIMIT 0"))
            .map_err(|error| fails("up", &error))?;
        if let Some(down) = cx.convert(change, Side::New, &new)? {
            let down = text(&self.driver.as_type(&down, &change.frozen.old_type));
            let null = self.driver.typed_null(&new_type);
            self.quiet(&format!(
                "SELECT {down} FROM (SELECT {null} AS {new}) q LIMIT 0"
            ))
            .map_err(|error| fails("down", &error))?;
        }
        if change.conversion == Conversion::Identity {
            return Ok(());
        }
        self.sample(table, change, &old, &up)
    }

    // One value that does not convert is for the backfill to report; if none does, the conversion is wrong.
    fn sample(&mut self, table: &Table, change: &Active, old: &str, up: &str) -> Result<(), Error> {
        let keys: Vec<&str> = table.cursor.iter().map(|key| key.sql.as_str()).collect();
        let order = keys.join(", ");
        let (mut good, mut last) = (false, None);
        for offset in 0..SAMPLE {
            let sql = format!(
                "SELECT CASE WHEN {up} IS NOT NULL THEN 'x' END FROM (SELECT {old} FROM {} WHERE {old} IS NOT NULL ORDER BY {order} LIMIT 1 OFFSET {offset}) q",
                table.sql()
            );
            match self.quiet(&sql) {
                Ok(rows) if rows.is_empty() => break,
                Ok(rows) if rows.iter().flatten().any(Option::is_some) => {
                    good = true;
                    break;
                }
                Ok(_) => {
                    last.get_or_insert_with(|| "it gives NULL for every value tried".to_owned());
                }
                Err(error) => last = Some(reason(&error)),
            }
        }
        match last {
            Some(reason) if !good => Err(Error::Conversion {
                column: change.def.new.to_owned(),
                direction: "up",
                reason,
            }),
            _ => Ok(()),
        }
    }

    // in a transaction of its own, so that an error leaves nothing behind
    fn quiet(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
        transaction(self.s, |s: &mut dyn Session| {
            s.rows(sql, &[]).during("trying a conversion")
        })
    }
}

fn refuse(table: &Table, obstacles: Vec<Obstacle>) -> Result<(), Error> {
    if obstacles.is_empty() {
        return Ok(());
    }
    Err(Error::Obstacles {
        table: table.name.to_string(),
        obstacles,
    })
}
