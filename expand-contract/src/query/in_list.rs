//! `IN` over a changed column.

use std::fmt::Debug;
use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::dsl;
use diesel::expression::{
    AppearsOnTable, AsExpression, Expression, SelectableExpression, ValidGrouping,
};
use diesel::internal::derives::multiconnection::array_comparison::AsInExpression;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_source::Column;
use diesel::result::QueryResult;

use super::capture::Capture;
use super::change::{Change, Converts};
use super::compare::{push_old_value, push_up, BoolOf, Comparand};
use super::convert::{build_error, WalkOld};
use super::read::{push_side, PhaseColumn, Place};
use crate::phase::Side;

/// `column IN (values)`.
#[derive(Debug, Clone)]
pub struct InList<C, E, O> {
    capture: Capture,
    values: Vec<(E, O)>,
    negated: bool,
    place: PhantomData<fn() -> C>,
}

/// The two things that [`PhaseColumn::eq_any`] takes; told apart by the unused parameter.
pub trait InArgument<C: Place, Way> {
    /// The predicate.
    type Predicate;

    /// Makes the predicate.
    fn predicate(self, negated: bool) -> Self::Predicate;
}

/// A list of values.
#[derive(Debug, Clone, Copy)]
pub enum Values {}

/// A sub-select.
#[derive(Debug, Clone, Copy)]
pub enum Subselect {}

impl<C, I> InArgument<C, Values> for I
where
    C: Place,
    I: IntoIterator,
    I::Item: AsExpression<<C::Change as Change>::NewSqlType>,
    <C::Change as Change>::Kind: Converts<C::Change, I::Item>,
{
    type Predicate = InList<
        C,
        <I::Item as AsExpression<<C::Change as Change>::NewSqlType>>::Expression,
        <<C::Change as Change>::Kind as Converts<C::Change, I::Item>>::Old,
    >;

    fn predicate(self, negated: bool) -> Self::Predicate {
        InList {
            capture: Capture::new(C::Change::cell()),
            values: self
                .into_iter()
                .map(|value| {
                    let old =
                        <<C::Change as Change>::Kind as Converts<C::Change, I::Item>>::old(&value);
                    (value.as_expression(), old)
                })
                .collect(),
            negated,
            place: PhantomData,
        }
    }
}

impl<C, Q> InArgument<C, Subselect> for Q
where
    C: Place,
    Q: Query + AsInExpression<<C::Change as Change>::NewSqlType>,
{
    type Predicate = InSubselect<C, Q::InExpression>;

    fn predicate(self, negated: bool) -> Self::Predicate {
        InSubselect {
            query: self.as_in_expression(),
            negated,
            place: PhantomData,
        }
    }
}
impl<C: Place> PhaseColumn<C> {
    /// `column IN (values)`, or `column IN (sub-select)`.
    pub fn eq_any<T, Way>(self, values: T) -> T::Predicate
    where
        T: InArgument<C, Way>,
    {
        values.predicate(false)
    }

    /// `column NOT IN (values)`, or `column NOT IN (sub-select)`.
    pub fn ne_all<T, Way>(self, values: T) -> T::Predicate
    where
        T: InArgument<C, Way>,
    {
        values.predicate(true)
    }
}

impl<C, E, O> Expression for InList<C, E, O>
where
    C: Place,
    E: Expression<SqlType = <C::Change as Change>::NewSqlType>,
    dsl::Eq<C::Change, E>: Expression,
{
    type SqlType = BoolOf<C, E>;
}

impl<C, E, O> QueryId for InList<C, E, O> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, E, O, QS> AppearsOnTable<QS> for InList<C, E, O>
where
    Self: Expression,
    C: AppearsOnTable<QS>,
    E: AppearsOnTable<QS>,
{
}

impl<C, E, O, QS> SelectableExpression<QS> for InList<C, E, O>
where
    Self: AppearsOnTable<QS>,
    C: SelectableExpression<QS>,
    E: SelectableExpression<QS>,
{
}

impl<C, E, O, GB> ValidGrouping<GB> for InList<C, E, O>
where
    C: Place,
    E: Expression<SqlType = <C::Change as Change>::NewSqlType>,
    dsl::Eq<C::Change, E>: ValidGrouping<GB>,
{
    type IsAggregate = <dsl::Eq<C::Change, E> as ValidGrouping<GB>>::IsAggregate;
}

impl<C, E, O, DB> QueryFragment<DB> for InList<C, E, O>
where
    C: Place,
    E: QueryFragment<DB>,
    O: WalkOld<C::Change, E, DB>,
    <C::Change as Column>::Table: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // as many texts as there are lengths: not for the cache
        out.unsafe_to_cache_prepared();
        if self.values.is_empty() {
            out.push_sql(if self.negated { "1=1" } else { "1=0" });
            return Ok(());
        }
        let current = self.capture.seal(C::Change::cell()).map_err(build_error)?;
        let comparand = Comparand::of::<C::Change>(current, false)?;
        match comparand {
            Comparand::Bare(side) => {
                push_side::<C, DB>(side, C::Change::definition(), &mut out)?;
            }
            Comparand::BareOld => {
                push_side::<C, DB>(Side::Old, C::Change::definition(), &mut out)?;
            }
            Comparand::ConvertedOld => push_up::<C, DB>(current, &mut out)?,
        }
        out.push_sql(if self.negated { " NOT IN (" } else { " IN (" });
        for (i, (new, old)) in self.values.iter().enumerate() {
            if i > 0 {
                out.push_sql(", ");
            }
            if matches!(comparand, Comparand::BareOld) {
                push_old_value::<C, E, O, DB>(new, old, current, &mut out)?;
            } else {
                new.walk_ast(out.reborrow())?;
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

/// `column IN (sub-select)`; the sub-select gives new values, so the column is read as one.
#[derive(Debug, Clone)]
pub struct InSubselect<C, Q> {
    query: Q,
    negated: bool,
    place: PhantomData<fn() -> C>,
}

impl<C, Q> Expression for InSubselect<C, Q>
where
    C: Place,
    Q: Expression<SqlType = <C::Change as Change>::NewSqlType>,
    dsl::Eq<C::Change, Q>: Expression,
{
    type SqlType = BoolOf<C, Q>;
}

impl<C, Q> QueryId for InSubselect<C, Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, Q, QS> AppearsOnTable<QS> for InSubselect<C, Q>
where
    Self: Expression,
    C: AppearsOnTable<QS>,
    Q: AppearsOnTable<QS>,
{
}

impl<C, Q, QS> SelectableExpression<QS> for InSubselect<C, Q>
where
    Self: AppearsOnTable<QS>,
    C: SelectableExpression<QS>,
    Q: SelectableExpression<QS>,
{
}

impl<C, Q, GB> ValidGrouping<GB> for InSubselect<C, Q>
where
    C: Place,
    Q: Expression<SqlType = <C::Change as Change>::NewSqlType>,
    dsl::Eq<C::Change, Q>: ValidGrouping<GB>,
{
    type IsAggregate = <dsl::Eq<C::Change, Q> as ValidGrouping<GB>>::IsAggregate;
}

impl<C, Q, DB> QueryFragment<DB> for InSubselect<C, Q>
where
    C: Place + 'static,
    PhaseColumn<C>: QueryFragment<DB>,
    Q: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        PhaseColumn::<C>::REF.walk_ast(out.reborrow())?;
        out.push_sql(if self.negated { " NOT IN (" } else { " IN (" });
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}
