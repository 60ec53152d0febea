//! The safety net: triggers that keep both columns right under writers that know only one of them.
//!
//! They are installed before the phase is published and stay until a column is dropped, so that no statement of a writer
//! that knows nothing of the migration leaves a row half written. What is common to the dialects.

use crate::error::Error;
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

/// Whether evaluating the default again gives the same value and does nothing else.
fn is_constant(default: &str) -> bool {
    !default.contains('(')
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

    /// The old column has its default: what a writer that names only the new one gives it. None once `retire` moved it.
    pub(crate) fn old_is_default(&self, retired: bool) -> Option<String> {
        let default = self.change.frozen.default.as_deref()?;
        (!retired && is_constant(default)).then(|| self.same_old(&self.old("NEW"), default))
    }

    /// The new column has the default that `retire` moved to it.
    pub(crate) fn new_is_default(&self, retired: bool) -> Result<Option<String>, Error> {
        let default = match self.change.frozen.default.as_deref() {
            Some(default) if retired && is_constant(default) => default,
            _ => return Ok(None),
        };
        let converted = self
            .cx
            .convert(self.change, Side::Old, &format!("({default})"))?;
        converted
            .map(|default| self.same_new(&self.new("NEW"), &default))
            .transpose()
    }

    /// `NEW.new ≡ up(NEW.old)`, a value that became NULL on the way included; none if only Rust can tell.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn copied(&self) -> Result<Option<String>, Error> {
        self.up()?
            .map(|up| self.same_new(&self.new("NEW"), &up))
            .transpose()
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
