use std::fmt::Debug;
use std::marker::PhantomData;
use std::panic::Location;

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, AsExpression, Expression};
use diesel::insertable::Insertable;
use diesel::internal::derives::insertable::UndecoratedInsertRecord;
use diesel::query_builder::{AsChangeset, AstPass, QueryFragment, QueryId};
use diesel::query_source::Column;
use diesel::result::QueryResult;

use super::capture::Capture;
use super::change::{Change, Converts};
use super::compare::PhaseEq;
use super::convert::{build_error, no_conversion, walk_parts, WalkOld};
use super::insert::{record_values, InsertSlot, Passes};
use super::read::{push_side, PhaseColumn, Place};
use crate::definition::{Conversion, Dialect};
use crate::phase::Side;
use crate::state::Current;

/// `SET` for a changed column: assigns the columns that the phase writes.
#[derive(Debug, Clone)]
pub struct PhaseAssign<Ch, E, O> {
    capture: Capture,
    new: E,
    old: O,
    change: PhantomData<Ch>,
}

impl<Ch: Change, E, O> PhaseAssign<Ch, E, O> {
    pub(super) fn new<U>(value: U) -> Self
    where
        U: AsExpression<Ch::NewSqlType, Expression = E>,
        Ch::Kind: Converts<Ch, U, Old = O>,
    {
        let old = <Ch::Kind as Converts<Ch, U>>::old(&value);
        PhaseAssign {
            capture: Capture::new(Ch::cell()),
            new: value.as_expression(),
            old,
            change: PhantomData,
        }
    }
}

impl<Ch, E, O> AsChangeset for PhaseAssign<Ch, E, O>
where
    Ch: Change,
    E: AppearsOnTable<Ch::Table>,
{
    type Target = Ch::Table;
    type Changeset = Self;

    fn as_changeset(self) -> Self {
        self
    }
}

impl<Ch, E, O> QueryId for PhaseAssign<Ch, E, O> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Ch, E, O, DB> QueryFragment<DB> for PhaseAssign<Ch, E, O>
where
    Ch: Change,
    Ch::Table: QueryFragment<DB>,
    E: QueryFragment<DB>,
    O: WalkOld<Ch, E, DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let current = self.capture.seal(Ch::cell()).map_err(build_error)?;
        assign_each::<Ch, DB>(current, &mut out, |side, out| match side {
            Side::Old => self.old_side(current, out),
            Side::Via | Side::New => self.new.walk_ast(out.reborrow()),
        })
    }
}

impl<Ch, E, O> PhaseAssign<Ch, E, O>
where
    Ch: Change,
{
    /// The old side of the value; under a lossy conversion, what only the old column knows is kept:
    /// `CASE WHEN up(old) ≡ new THEN old ELSE down(new) END`.
    fn old_side<'b, DB>(
        &'b self,
        current: Current,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        Ch::Table: QueryFragment<DB>,
        E: QueryFragment<DB>,
        O: WalkOld<Ch, E, DB>,
        DB: Backend,
    {
        let definition = Ch::definition();
        if definition.lossless || matches!(definition.conversion, Conversion::Identity) {
            return self.old.walk_old(&self.new, current, out.reborrow());
        }
        let kept = match definition.conversion {
            Conversion::Sql { up, .. } => Some(
                up.parts(current.dialect)
                    .ok_or_else(|| no_conversion::<Ch>(current))?,
            ),
            // the database cannot convert; where the new column exists, it knows whether the value changes
            _ if current.stage.writes(Side::New, definition.route()) => None,
            _ => return self.old.walk_old(&self.new, current, out.reborrow()),
        };
        out.push_sql("CASE WHEN ");
        match kept {
            Some(up) => walk_parts(up, out, |out| {
                push_side::<Ch, DB>(Side::Old, definition, out)
            })?,
            None => push_side::<Ch, DB>(Side::New, definition, out)?,
        }
        out.push_sql(match current.dialect {
            Dialect::Sqlite => " IS ",
            Dialect::Postgres => " IS NOT DISTINCT FROM ",
        });
        self.new.walk_ast(out.reborrow())?;
        out.push_sql(" THEN ");
        push_side::<Ch, DB>(Side::Old, definition, out)?;
        out.push_sql(" ELSE ");
        self.old.walk_old(&self.new, current, out.reborrow())?;
        out.push_sql(" END");
        Ok(())
    }
}

/// `column = excluded.column` in `DO UPDATE SET`.
#[derive(Debug, Clone)]
pub struct ExcludedAssign<Ch> {
    capture: Capture,
    change: PhantomData<Ch>,
}

impl<Ch: Change> AsChangeset for ExcludedAssign<Ch> {
    type Target = Ch::Table;
    type Changeset = Self;

    fn as_changeset(self) -> Self {
        self
    }
}

impl<Ch> QueryId for ExcludedAssign<Ch> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Ch: Change, DB: Backend> QueryFragment<DB> for ExcludedAssign<Ch> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let current = self.capture.seal(Ch::cell()).map_err(build_error)?;
        assign_each::<Ch, DB>(current, &mut out, |side, out| {
            out.push_sql("excluded.");
            out.push_identifier(Ch::definition().name(side))
        })
    }
}

fn assign_each<'b, Ch, DB>(
    current: Current,
    out: &mut AstPass<'_, 'b, DB>,
    mut value: impl FnMut(Side, &mut AstPass<'_, 'b, DB>) -> QueryResult<()>,
) -> QueryResult<()>
where
    Ch: Change,
    DB: Backend,
{
    let definition = Ch::definition();
    let mut first = true;
    for side in [Side::Old, Side::Via, Side::New] {
        if definition.writes(side, current.stage) {
            if !first {
                out.push_sql(", ");
            }
            first = false;
            out.push_identifier(definition.name(side))?;
            out.push_sql(" = ");
            value(side, out)?;
        }
    }
    Ok(())
}

impl<Ch: Change> PhaseColumn<Ch> {
    /// An assignment of one column, for `.set(…)`; the same as `.eq(value)` there.
    pub fn assign<U>(
        self,
        value: U,
    ) -> PhaseAssign<Ch, U::Expression, <Ch::Kind as Converts<Ch, U>>::Old>
    where
        U: AsExpression<Ch::NewSqlType>,
        Ch::Kind: Converts<Ch, U>,
    {
        PhaseAssign::new(value)
    }

    /// `column = excluded.column`, for `.do_update().set(…)`.
    pub fn eq_excluded(self) -> ExcludedAssign<Ch> {
        ExcludedAssign {
            capture: Capture::new(Ch::cell()),
            change: PhantomData,
        }
    }
}

// `.eq(value)` as an assignment and as a value of an insert.

impl<Ch, E, O> AsChangeset for PhaseEq<Ch, E, O>
where
    Ch: Change,
    E: AppearsOnTable<Ch::Table>,
{
    type Target = Ch::Table;
    type Changeset = PhaseAssign<Ch, E, O>;

    fn as_changeset(self) -> Self::Changeset {
        let (capture, new, old) = self.parts();
        PhaseAssign {
            capture,
            new,
            old,
            change: PhantomData,
        }
    }
}

impl<Ch, E, O> Insertable<Ch::Table> for PhaseEq<Ch, E, O>
where
    Ch: Change + Place<Change = Ch>,
    E: Expression<SqlType = Ch::NewSqlType> + Clone,
    InsertSlot<Ch, E, O>: Insertable<<Ch as Column>::Table>,
{
    type Values = <InsertSlot<Ch, E, O> as Insertable<<Ch as Column>::Table>>::Values;

    #[track_caller]
    fn values(self) -> Self::Values {
        let (capture, new, old) = self.parts();
        record_values(Location::caller(), || {
            Ch::Passes::slot::<Ch, E, O>(capture, new, old).values()
        })
    }
}

impl<Ch, E, O> Insertable<Ch::Table> for &PhaseEq<Ch, E, O>
where
    Ch: Change + Place<Change = Ch>,
    PhaseEq<Ch, E, O>: Insertable<<Ch as Column>::Table> + Clone,
{
    type Values = <PhaseEq<Ch, E, O> as Insertable<<Ch as Column>::Table>>::Values;

    #[track_caller]
    fn values(self) -> Self::Values {
        self.clone().values()
    }
}

impl<Ch: Change, E, O> UndecoratedInsertRecord<Ch::Table> for PhaseEq<Ch, E, O> {}
