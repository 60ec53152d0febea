use diesel::dsl;
use diesel::expression::SqlLiteral;
use diesel::sql_types::Untyped;

use super::change::Change;
use super::read::PhaseColumn;
use crate::definition::{Conversion, Dialect};
use crate::phase::Side;
use crate::state::StatementError;

impl<Ch: Change> PhaseColumn<Ch> {
    /// The target of `on_conflict` for a unique changed column: the column whose unique index is in force.
    ///
    /// The old column's index stays the arbiter through `Switched`; `Retired` and `Contracted` have the new one's. With two
    /// unique indexes at once, the one that is not the arbiter would raise an error where the other updates. Around the
    /// hand-over both exist for a while: run the upsert with [`phase::upsert`](crate::phase::upsert).
    ///
    /// # Errors
    /// The process does not know the phase.
    pub fn target(self) -> Result<SqlLiteral<Untyped>, StatementError> {
        let current = Ch::cell().resolve(None)?;
        let definition = Ch::definition();
        let side = current.arbiter(definition.route());
        let mut target = String::from("(");
        current
            .dialect
            .quote_into(definition.name(side), &mut target);
        target.push(')');
        Ok(dsl::sql(&target))
    }

    /// The column as raw SQL reads it in the phase in force: a quoted name, or `up` around one.
    ///
    /// Build the text anew for every statement; a text that is kept goes stale with the phase.
    ///
    /// # Errors
    /// The process does not know the phase, the annotation has no conversion for the database, or only Rust converts.
    pub fn sql(self) -> Result<String, StatementError> {
        self.qualified_sql("")
    }

    /// As [`sql`](Self::sql), with a table's name or alias in front of the column: `versions` or `v`.
    ///
    /// # Errors
    /// As [`sql`](Self::sql).
    pub fn sql_of(self, table: &str) -> Result<String, StatementError> {
        let current = Ch::cell().resolve(None)?;
        let mut qualifier = current.dialect.quote(table);
        qualifier.push('.');
        self.qualified_sql(&qualifier)
    }

    fn qualified_sql(self, qualifier: &str) -> Result<String, StatementError> {
        let cell = Ch::cell();
        let current = cell.resolve(None)?;
        let definition = Ch::definition();
        let side = definition.reads(current.stage);
        let name = quoted(current.dialect, qualifier, definition.name(side));
        let rendered = match definition.conversion {
            _ if side != Side::Old => Some(name),
            Conversion::Identity => Some(name),
            Conversion::Sql { up, .. } => up.render(current.dialect, &name),
            Conversion::Rust => None,
        };
        rendered.ok_or(StatementError::NoConversion {
            migration: cell.definition().id,
            column: Ch::NAME,
            dialect: current.dialect,
        })
    }
}

fn quoted(dialect: Dialect, qualifier: &str, name: &str) -> String {
    let mut out = String::from(qualifier);
    dialect.quote_into(name, &mut out);
    out
}
