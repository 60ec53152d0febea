//! PostgreSQL: BEFORE row triggers whose `WHEN` lets a dual-writer's rows pass without calling a function.
//!
//! A `WHEN` clause is evaluated by the executor; a function is called only for a row that changed one side without the
//! other (manual, *CREATE TRIGGER*). Triggers of one kind fire in the order of their names, so a name that sorts behind
//! every ASCII name sees what other triggers made of the row.

use crate::backend::mirror::{Defaulted, Mirror, PREFIX};
use crate::backend::rules::Rules;
use crate::definition::{Conversion, Dialect};
use crate::error::Error;
use crate::ledger;
use crate::phase::Side;
use crate::plan::Context;

use super::rules::{differ, Postgres};

/// Not the library's own copying, which says so by a setting of its transaction.
pub(super) const NOT_COPYING: &str =
    "pg_catalog.current_setting('expand_contract.copying', true) IS DISTINCT FROM 'on'";

fn functions(mirror: &Mirror<'_>) -> [String; 3] {
    ["insert", "update", "clear"]
        .map(|event| format!("expand_contract.\"mirror_{}_{event}\"", mirror.tag))
}

fn triggers(mirror: &Mirror<'_>) -> [String; 3] {
    ["insert", "update", "clear"].map(|event| format!("\"{PREFIX}{}_{event}\"", mirror.tag))
}

/// When a mirror is put in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// With the new column.
    Expand,
    /// Nobody reads the old column any more, and the new one has the default: a new value that does not convert leaves
    /// the old column NULL instead of failing its writer, and to write only the new column is what all code does.
    Retire,
    /// Back from there.
    Back,
}

/// The pieces of a change's functions and conditions.
struct Parts<'m> {
    mirror: &'m Mirror<'m>,
    old: String,
    new: String,
    up: String,
    down: String,
    consistent: String,
    /// Whether the new side is not what the old one gives: in a row of a dual-writer, whose conversion loses nothing, all
    /// that there is to ask.
    differs: String,
    retired: bool,
}

impl<'m> Parts<'m> {
    fn of(mirror: &'m Mirror<'m>, when: When) -> Result<Option<Self>, Error> {
        let (Some(up), Some(down), Some(consistent)) =
            (mirror.up()?, mirror.down()?, mirror.consistent()?)
        else {
            return Ok(None);
        };
        Ok(Some(Parts {
            mirror,
            old: mirror.old("NEW"),
            new: mirror.new("NEW"),
            differs: differ(
                &mirror.new("NEW"),
                &up,
                &mirror.cx.new_type(mirror.change)?,
                &mirror.cx.new_collate(mirror.change),
            ),
            up,
            down,
            consistent,
            retired: when == When::Retire,
        }))
    }

    fn identity(&self) -> bool {
        self.mirror.change.conversion == Conversion::Identity
    }

    fn lossless(&self) -> bool {
        self.mirror.change.def.lossless
    }

    fn saw(&self, side: Side) -> String {
        // from `Retired` on all code writes only the new column
        if self.retired && side == Side::New {
            return String::new();
        }
        let id = Postgres.literal(self.mirror.cx.def.id);
        ledger::saw(Dialect::Postgres, self.mirror.origin(&id), side)
    }

    // A value that does not convert must not fail a writer that knows nothing: the row goes on record, and `verify` finds
    // it.
    fn to_new(&self) -> String {
        let (new, up) = (&self.new, &self.up);
        if self.identity() {
            return format!("{new} := {up};");
        }
        let id = Postgres.literal(self.mirror.cx.def.id);
        let keys = &self.mirror.cx.table.cursor;
        let keys: Vec<String> = keys
            .iter()
            .map(|key| format!("NEW.{}::text", key.sql))
            .collect();
        let key = match keys.as_slice() {
            [one] => one.clone(),
            many => format!("'(' || concat_ws(', ', {}) || ')'", many.join(", ")),
        };
        let poisoned = ledger::poisoned(Dialect::Postgres, self.mirror.origin(&id), &key, None);
        format!("BEGIN {new} := {up}; EXCEPTION WHEN OTHERS THEN {new} := NULL; {poisoned} END;")
    }

    fn to_old(&self) -> String {
        let (old, down) = (&self.old, &self.down);
        if self.retired && !self.identity() {
            format!("BEGIN {old} := {down}; EXCEPTION WHEN OTHERS THEN {old} := NULL; END;")
        } else {
            format!("{old} := {down};")
        }
    }

    // `leave`: the side that was not changed belongs to the one that was. So it is if a dual-writer fills one side of a row
    // that the copy has not come to; and so a lossy value stays. To ask can raise where what is there does not convert.
    fn unless(&self, leave: &str, write: &str) -> String {
        if self.identity() {
            // the trigger's condition has asked already
            return write.to_owned();
        }
        format!(
            "BEGIN IF {leave} THEN RETURN NEW; END IF; {write} EXCEPTION WHEN OTHERS THEN {write} END;"
        )
    }

    fn refuse(&self) -> String {
        let change = self.mirror.change;
        format!(
            "RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = {}, HINT = {};",
            Postgres.literal(&format!(
                "columns {} and {} of {} were given values that do not belong together",
                change.from, change.to, self.mirror.cx.table.name
            )),
            Postgres.literal("write one of the two, or both through expand-contract")
        )
    }

    fn on_insert(&self, new_defaulted: &Defaulted) -> String {
        let (old, new) = (&self.old, &self.new);
        // an INSERT that names only one column comes with the other one's default
        let only_old = match new_defaulted {
            Defaulted::No => format!("{new} IS NULL"),
            defaulted => format!(
                "{new} IS NULL OR ({old} IS NOT NULL AND (false{}))",
                defaulted.or()
            ),
        };
        let only_new = format!(
            "{old} IS NULL{}",
            self.mirror.old_defaulted(self.retired).or()
        );
        // the condition of the trigger did not ask, or only half of it
        let asked = matches!(new_defaulted, Defaulted::No) && !self.lossless();
        let consistent = if self.identity() || asked {
            String::new()
        } else {
            format!(
                "IF {old} IS NOT NULL AND {new} IS NOT NULL THEN \
                 BEGIN IF {} THEN RETURN NEW; END IF; EXCEPTION WHEN OTHERS THEN NULL; END; END IF; ",
                self.consistent
            )
        };
        format!(
            "{consistent}IF {only_old} THEN {} {} ELSIF {only_new} THEN {} {} ELSE {} END IF;",
            self.to_new(),
            self.saw(Side::Old),
            self.to_old(),
            self.saw(Side::New),
            self.refuse()
        )
    }

    fn on_update(&self) -> Result<String, Error> {
        let (old_kept, new_kept) = (self.mirror.old_kept(), self.mirror.new_kept()?);
        let (forward, backward) = (
            self.mirror.forward()?.unwrap_or_default(),
            self.mirror.backward()?.unwrap_or_default(),
        );
        // of a rename the condition of the trigger did not ask, of a lossless conversion only half of it
        let allow = match (self.identity(), self.lossless()) {
            (false, true) => format!("IF {} THEN RETURN NEW; END IF;", self.consistent),
            _ => String::new(),
        };
        // an old-only writer's rows first, by as few expressions as tell them: each is prepared anew in a transaction
        Ok(format!(
            "IF {new_kept} THEN IF {old_kept} THEN RETURN NEW; END IF; {} {} \
             ELSIF {old_kept} THEN {} {} ELSE {allow} {} END IF;",
            self.unless(&backward, &self.to_new()),
            self.saw(Side::Old),
            self.unless(&forward, &self.to_old()),
            self.saw(Side::New),
            self.refuse(),
        ))
    }

    // NULL written to the new column only, on a row that was not copied yet: changes nothing that could be seen
    fn on_clear(&self) -> String {
        let old = &self.old;
        let write = format!("{old} := NULL; {}", self.saw(Side::New));
        let clear = if self.identity() {
            write
        } else {
            // where the old value does not convert, NULL is what a dual-writer has read
            format!(
                "BEGIN IF ({}) IS NOT NULL THEN {write} END IF; EXCEPTION WHEN OTHERS THEN NULL; END;",
                self.up
            )
        };
        let old_kept = self.mirror.old_kept();
        format!("IF {old_kept} AND {NOT_COPYING} THEN {clear} END IF;")
    }

    fn when_insert(&self, new_defaulted: &Defaulted) -> String {
        let (old, new, consistent) = (&self.old, &self.new, &self.consistent);
        if self.identity() {
            return self.differs.clone();
        }
        // no conversion of a one-sided write here: it could raise, and nothing could catch that
        let defaulted = match new_defaulted {
            Defaulted::No => String::new(),
            Defaulted::If(condition) => format!("WHEN {condition} THEN true "),
            Defaulted::Perhaps => "WHEN true THEN true ".to_owned(),
        };
        let differs = match self.lossless() {
            true => self.differs.clone(),
            false => format!("NOT {consistent}"),
        };
        format!(
            "CASE WHEN {new} IS NULL THEN {old} IS NOT NULL WHEN {old} IS NULL THEN true {defaulted}ELSE {differs} END"
        )
    }

    // PostgreSQL reads and prepares a condition anew for each statement, whatever comes of it: no more than tells a
    // dual-writer apart. A row that was not copied yet costs whoever writes its other columns a call.
    fn when_update(&self) -> Result<String, Error> {
        let (old_kept, new_kept) = (self.mirror.old_kept(), self.mirror.new_kept()?);
        let consistent = &self.consistent;
        Ok(if self.identity() {
            self.differs.clone()
        } else {
            let (old, new) = (&self.old, &self.new);
            let differs = match self.lossless() {
                true => format!("{} OR ({new} IS NULL AND {old} IS NOT NULL)", self.differs),
                false => format!("NOT {consistent}"),
            };
            format!(
                "CASE WHEN {old_kept} AND {new_kept} THEN false \
                 WHEN {old_kept} OR {new_kept} THEN {NOT_COPYING} ELSE {differs} END"
            )
        })
    }

    // as short as `when_update`, for the same reason
    fn when_clear(&self) -> String {
        format!(
            "{} IS NULL AND {} IS NULL AND {} IS NOT NULL",
            self.mirror.new("OLD"),
            self.new,
            self.old,
        )
    }
}

/// Statements that install the triggers, or put others in their places.
pub(crate) fn install(cx: &Context<'_>, when: When) -> Result<Vec<String>, Error> {
    let table = cx.table.sql();
    let mut out = Vec::new();
    for mirror in Mirror::all(cx) {
        let Some(parts) = Parts::of(&mirror, when)? else {
            continue;
        };
        let new_defaulted = mirror.new_defaulted(parts.retired)?;
        let bodies = [
            parts.on_insert(&new_defaulted),
            parts.on_update()?,
            parts.on_clear(),
        ];
        for (name, body) in functions(&mirror).iter().zip(bodies) {
            out.extend(function(name, &body));
        }
        let events = [
            ("INSERT".to_owned(), parts.when_insert(&new_defaulted)),
            ("UPDATE".to_owned(), parts.when_update()?),
            (
                format!("UPDATE OF {}", cx.table.dialect.quote(mirror.change.to)),
                parts.when_clear(),
            ),
        ];
        let names = triggers(&mirror).into_iter().zip(functions(&mirror));
        for ((trigger, function), (event, condition)) in names.zip(events) {
            if when != When::Expand {
                out.push(format!("DROP TRIGGER IF EXISTS {trigger} ON {table}"));
            }
            out.push(format!(
                "CREATE TRIGGER {trigger} BEFORE {event} ON {table} FOR EACH ROW WHEN ({condition}) \
                 EXECUTE FUNCTION {function}()"
            ));
        }
    }
    if !out.is_empty() {
        out.insert(0, SEARCH_PATH.to_owned());
    }
    Ok(out)
}

/// The functions run with the operator's rights: a writer's temporary types must not be found before the real ones, as
/// they are where the path does not name their schema (manual, *CREATE FUNCTION*, "Writing SECURITY DEFINER Functions
/// Safely").
pub(super) const SEARCH_PATH: &str =
    "SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', \
     nullif(pg_catalog.current_setting('search_path'), ''), 'pg_temp'), true)";

pub(super) fn function(name: &str, body: &str) -> [String; 2] {
    // with the rights of whoever runs the migration: a writer needs none on what the conversion reads
    [
        format!(
            "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
             SET search_path FROM CURRENT AS {}",
            Postgres.literal(&format!("BEGIN {body} RETURN NEW; END"))
        ),
        // nobody needs it for a trigger that is there
        format!("REVOKE ALL ON FUNCTION {name}() FROM PUBLIC"),
    ]
}

/// Statements that drop the triggers: before anything that they name.
pub(crate) fn drop_triggers(cx: &Context<'_>) -> Vec<String> {
    let table = cx.table.sql();
    Mirror::all(cx)
        .flat_map(|mirror| triggers(&mirror))
        .map(|trigger| format!("DROP TRIGGER IF EXISTS {trigger} ON {table}"))
        .collect()
}

/// Statements that drop the functions: behind the columns, so that no statement still under way misses them.
pub(crate) fn drop_functions(cx: &Context<'_>) -> Vec<String> {
    Mirror::all(cx)
        .flat_map(|mirror| functions(&mirror))
        .map(|function| format!("DROP FUNCTION IF EXISTS {function}()"))
        .collect()
}

/// The names of the triggers.
pub(crate) fn names(cx: &Context<'_>) -> Result<Vec<String>, Error> {
    let mut out = Vec::new();
    for mirror in Mirror::all(cx) {
        if mirror.consistent()?.is_none() {
            continue;
        }
        let identity = mirror.change.conversion == Conversion::Identity;
        let events: &[&str] = match identity {
            true => &["insert", "update", "clear"],
            false => &["insert", "update"],
        };
        out.extend(
            events
                .iter()
                .map(|event| format!("{PREFIX}{}_{event}", mirror.tag)),
        );
    }
    Ok(out)
}
