//! The safety net: triggers that keep both columns right under writers that know only one of them.
//!
//! They are installed before the phase is published and stay until a column is dropped, so that no statement of a writer
//! that knows nothing of the migration leaves a row half written. What is common to the dialects.

use crate::definition::Dialect;
use crate::error::Error;
use crate::ledger::Origin;
use crate::phase::Side;
use crate::plan::{consistency, Active, Context};

/// How the names of the library's triggers begin. On PostgreSQL triggers fire in the order of their names: ours last.
pub(crate) const PREFIX: &str = "~expand_contract_";

/// A change's names and expressions in a trigger.
pub(crate) struct Mirror<'c> {
    pub(crate) cx: &'c Context<'c>,
    pub(crate) change: &'c Active,
    /// Eight hex digits that no other migration, generation, pass or change has.
    pub(crate) tag: String,
}

/// What can be said of a row whose column may have its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Defaulted {
    /// There is no default at the moment: the column has what the writer gave it.
    No,
    /// The condition under which it has its default.
    If(String),
    /// Nobody can tell: each evaluation gives another value.
    Perhaps,
}

impl Defaulted {
    /// `column`, which has no value, or the default's, was not given by the writer: ` OR …` behind `column IS NULL`.
    pub(crate) fn or(&self) -> String {
        match self {
            Defaulted::No => String::new(),
            Defaulted::If(condition) => format!(" OR {condition}"),
            Defaulted::Perhaps => " OR true".to_owned(),
        }
    }
}

/// Functions that give the same value whenever they are called in one statement, by dialect.
const STEADY: [&str; 12] = [
    "now",
    "transaction_timestamp",
    "statement_timestamp",
    "timezone",
    "date",
    "time",
    "datetime",
    "julianday",
    "unixepoch",
    "strftime",
    "lower",
    "upper",
];

/// Whether evaluating the default again in the same statement gives the same value and does nothing else.
pub(crate) fn is_steady(default: &str) -> bool {
    let mut chars = default.chars().peekable();
    // the identifier before the current place, and whether it is a type
    let (mut word, mut is_type) = (String::new(), false);
    while let Some(c) = chars.next() {
        match c {
            // a literal; a quote inside it begins another one
            '\'' => {
                chars.by_ref().find(|c| *c == '\'');
                (word, is_type) = (String::new(), false);
            }
            '(' => {
                let steady = word.is_empty()
                    || is_type
                    || STEADY.iter().any(|name| name.eq_ignore_ascii_case(&word));
                if !steady {
                    return false;
                }
                (word, is_type) = (String::new(), false);
            }
            ':' => (word, is_type) = (String::new(), true),
            // a quoted or qualified name may be anything
            '"' | '.' if !word.starts_with(|c: char| c.is_ascii_digit()) && !is_type => {
                word = "?".to_owned();
            }
            c if c.is_alphanumeric() || c == '_' || c == '?' => word.push(c),
            // `timestamp without time zone`, `character varying (40)`: a type may have several words
            c if c.is_whitespace() && (is_type || word.is_empty()) => {}
            c if c.is_whitespace() => {
                if chars.peek() != Some(&'(') {
                    word.clear();
                }
            }
            _ => (word, is_type) = (String::new(), false),
        }
    }
    true
}

impl<'c> Mirror<'c> {
    /// The mirrors of all changes that the database can convert by itself.
    pub(crate) fn all(cx: &'c Context<'c>) -> impl Iterator<Item = Mirror<'c>> {
        cx.changes.iter().map(move |change| {
            let unique = format!(
                "{}/{}/{:?}/{}",
                cx.def.id, cx.def.generation, cx.stage.pass, change.index
            );
            Mirror {
                cx,
                change,
                tag: format!("{:08x}", crate::ledger::hash(&unique) & 0xffff_ffff),
            }
        })
    }

    /// The migration as the ledger's statements want it. `id`: its id as a literal.
    pub(crate) fn origin<'o>(&self, id: &'o str) -> Origin<'o> {
        Origin {
            id,
            generation: self.cx.def.generation,
        }
    }

    fn quote(&self, row: &str, column: &str) -> String {
        format!("{row}.{}", self.cx.table.dialect.quote(column))
    }

    /// The old column in `NEW` or `OLD`.
    pub(crate) fn old(&self, row: &str) -> String {
        self.quote(row, self.change.from)
    }

    /// The new column in `NEW` or `OLD`.
    // the other half of `old`, no constructor
    #[allow(clippy::new_ret_no_self, clippy::wrong_self_convention)]
    pub(crate) fn new(&self, row: &str) -> String {
        self.quote(row, self.change.to)
    }

    /// `up(NEW.old)`; none if only Rust converts.
    pub(crate) fn up(&self) -> Result<Option<String>, Error> {
        self.cx.convert(self.change, Side::Old, &self.old("NEW"))
    }

    /// `down(NEW.new)`; none if only Rust converts.
    pub(crate) fn down(&self) -> Result<Option<String>, Error> {
        self.cx.convert(self.change, Side::New, &self.new("NEW"))
    }

    /// Whether the old column has its default: what a writer that names only the new one gives it. Not once `retire` moved
    /// the default.
    pub(crate) fn old_defaulted(&self, retired: bool) -> Defaulted {
        match self.change.frozen.default.as_deref() {
            Some(default) if !retired && is_steady(default) => {
                Defaulted::If(self.same_old(&self.old("NEW"), default))
            }
            Some(_) if !retired => Defaulted::Perhaps,
            _ => Defaulted::No,
        }
    }

    /// Whether the new column has the default that `retire` moved to it.
    pub(crate) fn new_defaulted(&self, retired: bool) -> Result<Defaulted, Error> {
        let default = match self.change.frozen.default.as_deref() {
            Some(default) if retired => default,
            _ => return Ok(Defaulted::No),
        };
        if !is_steady(default) {
            return Ok(Defaulted::Perhaps);
        }
        let converted = self
            .cx
            .convert(self.change, Side::Old, &self.typed(default))?;
        Ok(match converted {
            Some(default) => Defaulted::If(self.same_new(&self.new("NEW"), &default)?),
            None => Defaulted::No,
        })
    }

    // the default as a value of the old column: what the conversion expects
    fn typed(&self, default: &str) -> String {
        match self.cx.table.dialect {
            Dialect::Postgres => format!("({default})::{}", self.change.frozen.old_type),
            Dialect::Sqlite => format!("({default})"),
        }
    }

    /// `NEW.new ≡ up(NEW.old)`, a value that became NULL on the way included; none if only Rust can tell.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn copied(&self) -> Result<Option<String>, Error> {
        self.up()?
            .map(|up| self.same_new(&self.new("NEW"), &up))
            .transpose()
    }

    /// `NEW.new ≡ up(NEW.old)`, without values that became NULL on the way; none if only Rust can tell.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn forward(&self) -> Result<Option<String>, Error> {
        let (old, new) = (self.old("NEW"), self.new("NEW"));
        let same = self.up()?.map(|up| self.same_new(&new, &up)).transpose()?;
        Ok(same.map(|same| format!("({same} AND ({new} IS NOT NULL OR {old} IS NULL))")))
    }

    /// `NEW.old ≡ down(NEW.new)`; none if only Rust can tell.
    pub(crate) fn backward(&self) -> Result<Option<String>, Error> {
        let down = self.down()?;
        Ok(down.map(|down| self.same_old(&self.old("NEW"), &down)))
    }

    fn same_old(&self, left: &str, right: &str) -> String {
        let frozen = &self.change.frozen;
        self.cx
            .rules
            .same(left, right, &frozen.old_type, &frozen.collate)
    }

    fn same_new(&self, left: &str, right: &str) -> Result<String, Error> {
        let (new_type, collate) = (
            self.cx.new_type(self.change)?,
            self.cx.new_collate(self.change),
        );
        Ok(self.cx.rules.same(left, right, &new_type, &collate))
    }

    /// Whether the statement left the old column alone.
    pub(crate) fn old_kept(&self) -> String {
        self.same_old(&self.old("NEW"), &self.old("OLD"))
    }

    /// Whether the statement left the new column alone.
    pub(crate) fn new_kept(&self) -> Result<String, Error> {
        self.same_new(&self.new("NEW"), &self.new("OLD"))
    }

    /// Whether `NEW` is consistent; none if only Rust can tell.
    pub(crate) fn consistent(&self) -> Result<Option<String>, Error> {
        let (Some(up), Some(down)) = (self.up()?, self.down()?) else {
            return Ok(None);
        };
        let (old, new) = (self.old("NEW"), self.new("NEW"));
        let forward = self.same_new(&new, &up)?;
        let backward = self.same_old(&old, &down);
        Ok(Some(consistency(
            self.change,
            (&old, &new),
            &forward,
            &backward,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::is_steady;

    #[test]
    fn defaults_that_can_be_asked_again() {
        for default in [
            "'n/a (none)'::text",
            "'it''s (x)'",
            "0",
            "(-1)",
            "'-1'::integer",
            "1.5::double precision",
            "'x'::character varying(40)",
            "'2020-01-01'::timestamp(3) without time zone",
            "CURRENT_TIMESTAMP",
            "now()",
            "(now() + '1 day'::interval)",
            "timezone('utc'::text, now())",
            "datetime('now')",
            "lower('A'::text)",
            "NULL::numeric(10,2)",
        ] {
            assert!(is_steady(default), "{default}");
        }
        for default in [
            "nextval('s'::regclass)",
            "gen_random_uuid()",
            "(random() * (10)::double precision)",
            "hex(randomblob(16))",
            "clock_timestamp()",
            "public.now()",
            "\"now\"()",
            "upper(app.code())",
        ] {
            assert!(!is_steady(default), "{default}");
        }
    }
}
