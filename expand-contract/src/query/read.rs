use std::fmt::Debug;
use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, Expression, IsContainedInGroupBy, SelectableExpression, TypedExpressionType,
    ValidGrouping,
};
use diesel::internal::operators_macro::FieldAliasMapper;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_source::{Alias, AliasSource, AliasedField, Column};
use diesel::result::QueryResult;
use diesel::sql_types::IntoNullable;

use super::change::{ByRust, BySql, Change, ConversionKind};
use super::convert::{build_error, no_conversion, walk_parts};
use super::converted::ConvertedSqlType;
use crate::definition::{ChangeDef, Conversion};
use crate::phase::Side;
use crate::state::Current;

/// Where a changed column stands: in its table, or in an alias of it.
///
/// Implemented for the Diesel column and for its `AliasedField`, whose rules for joins and select clauses it keeps.
pub trait Place: Expression {
    /// The column.
    type Change: Change;

    /// Emits the table's or alias's name and a dot, unless the statement wants bare names.
    ///
    /// # Errors
    /// As of the query builder.
    fn push_qualifier<DB>(out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>
    where
        DB: Backend,
        <Self::Change as Column>::Table: QueryFragment<DB>;
}

impl<Ch: Change> Place for Ch {
    type Change = Ch;

    fn push_qualifier<DB>(out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>
    where
        DB: Backend,
        Ch::Table: QueryFragment<DB>,
    {
        if !out.should_skip_from() {
            Ch::TABLE.walk_ast(out.reborrow())?;
            out.push_sql(".");
        }
        Ok(())
    }
}

impl<S, Ch> Place for AliasedField<S, Ch>
where
    S: AliasSource<Target = Ch::Table>,
    Ch: Change,
{
    type Change = Ch;

    fn push_qualifier<DB>(out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>
    where
        DB: Backend,
    {
        out.push_identifier(S::NAME)?;
        out.push_sql(".");
        Ok(())
    }
}

/// The SQL type in which a changed column is read.
pub trait ReadAs<Ch: Change>: ConversionKind {
    /// The SQL type.
    type SqlType: TypedExpressionType;
}

impl<Ch: Change> ReadAs<Ch> for BySql {
    type SqlType = Ch::NewSqlType;
}

/// A pair of nullable columns of which one has the value; see [`super::Converted`].
impl<Ch> ReadAs<Ch> for ByRust
where
    Ch: Change,
    Ch::OldSqlType: IntoNullable,
    Ch::NewSqlType: IntoNullable,
    ConvertedSqlType<Ch>: TypedExpressionType,
{
    type SqlType = ConvertedSqlType<Ch>;
}

/// A changed column in a select, filter, order or group-by clause: names the old or the new column, or `up` around the
/// old one, when the SQL is built.
pub struct PhaseColumn<C>(PhantomData<fn() -> C>);

impl<C> PhaseColumn<C> {
    /// The column.
    pub const NEW: Self = PhaseColumn(PhantomData);
    /// Tells the derives that the column is changed; see [`super::NotMigrating`].
    #[doc(hidden)]
    pub const EXPAND_CONTRACT: bool = true;
}

impl<Ch: Change> PhaseColumn<Ch> {
    /// The column under an alias: `versions::tar_sha256.on(&other)`, as Diesel's `other.field(versions::num)`.
    pub fn on<S>(self, _: &Alias<S>) -> PhaseColumn<AliasedField<S, Ch>>
    where
        S: AliasSource<Target = <Ch as Column>::Table>,
    {
        PhaseColumn::NEW
    }
}

impl<C: 'static> PhaseColumn<C> {
    /// A column that lives long enough to be walked.
    pub(super) const REF: &'static Self = &PhaseColumn::NEW;
}

impl<C> Clone for PhaseColumn<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for PhaseColumn<C> {}

impl<C> Default for PhaseColumn<C> {
    fn default() -> Self {
        PhaseColumn::NEW
    }
}

impl<C> Debug for PhaseColumn<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PhaseColumn<{}>", std::any::type_name::<C>())
    }
}

impl<C> Expression for PhaseColumn<C>
where
    C: Place,
    <C::Change as Change>::Kind: ReadAs<C::Change>,
{
    type SqlType = <<C::Change as Change>::Kind as ReadAs<C::Change>>::SqlType;
}

impl<C> QueryId for PhaseColumn<C> {
    type QueryId = ();

    // With a static id the statement of an earlier phase would come back from the cache.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, QS> AppearsOnTable<QS> for PhaseColumn<C>
where
    Self: Expression,
    C: AppearsOnTable<QS>,
{
}

impl<C, QS> SelectableExpression<QS> for PhaseColumn<C>
where
    Self: AppearsOnTable<QS>,
    C: SelectableExpression<QS>,
{
}

// As the Diesel column: a group-by clause that contains the changed column contains its Diesel column (next impl).
impl<C, GB> ValidGrouping<GB> for PhaseColumn<C>
where
    C: ValidGrouping<GB>,
{
    type IsAggregate = C::IsAggregate;
}

impl<A, B> IsContainedInGroupBy<B> for PhaseColumn<A>
where
    B: Column,
    A: IsContainedInGroupBy<B>,
{
    type Output = A::Output;
}

impl<Ch, S> FieldAliasMapper<S> for PhaseColumn<Ch>
where
    Ch: Change + FieldAliasMapper<S>,
    Ch::Out: Placed<Ch>,
{
    type Out = <Ch::Out as Placed<Ch>>::Phase;

    fn map(self, _: &Alias<S>) -> <Ch::Out as Placed<Ch>>::Phase {
        Ch::Out::PHASE
    }
}

/// What Diesel makes of a column under an alias: an aliased field, or the column itself where the alias is of another
/// table.
#[doc(hidden)]
pub trait Placed<Ch> {
    /// The same as a changed column.
    type Phase;
    /// It.
    const PHASE: Self::Phase;
}

impl<Ch: Change> Placed<Ch> for Ch {
    type Phase = PhaseColumn<Ch>;
    const PHASE: Self::Phase = PhaseColumn::NEW;
}

impl<S, Ch: Change> Placed<Ch> for AliasedField<S, Ch> {
    type Phase = PhaseColumn<AliasedField<S, Ch>>;
    const PHASE: Self::Phase = PhaseColumn::NEW;
}

impl<C, DB> QueryFragment<DB> for PhaseColumn<C>
where
    C: Place,
    <C::Change as Change>::Kind: WalkRead,
    <C::Change as Column>::Table: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let current = C::Change::cell().resolve(None).map_err(build_error)?;
        <C::Change as Change>::Kind::walk::<C, DB>(current, &mut out)
    }
}

/// How a kind of conversion is read.
#[doc(hidden)]
pub trait WalkRead: ConversionKind {
    /// Emits the column as it is read in the phase.
    ///
    /// # Errors
    /// The annotation has no conversion for the dialect.
    fn walk<C, DB>(current: Current, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>
    where
        C: Place,
        DB: Backend,
        <C::Change as Column>::Table: QueryFragment<DB>;
}

impl WalkRead for BySql {
    fn walk<C, DB>(current: Current, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>
    where
        C: Place,
        DB: Backend,
        <C::Change as Column>::Table: QueryFragment<DB>,
    {
        let definition = C::Change::definition();
        let side = definition.reads(current.stage);
        match (side, definition.conversion) {
            (Side::Old, Conversion::Sql { up, .. }) => {
                let parts = up
                    .parts(current.dialect)
                    .ok_or_else(|| no_conversion::<C::Change>(current))?;
                walk_parts(parts, out, |out| push_side::<C, DB>(side, definition, out))
            }
            _ => {
                push_side::<C, DB>(side, definition, out)?;
                push_tag(side, definition, out);
                Ok(())
            }
        }
    }
}

impl WalkRead for ByRust {
    fn walk<C, DB>(current: Current, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>
    where
        C: Place,
        DB: Backend,
        <C::Change as Column>::Table: QueryFragment<DB>,
    {
        let definition = C::Change::definition();
        let side = definition.reads(current.stage);
        if side == Side::Old {
            push_side::<C, DB>(side, definition, out)?;
            out.push_sql(", NULL");
        } else {
            out.push_sql("NULL, ");
            push_side::<C, DB>(side, definition, out)?;
            push_tag(side, definition, out);
        }
        Ok(())
    }
}

/// Emits the qualified name of one of the physical columns.
pub(super) fn push_side<C, DB>(
    side: Side,
    definition: &'static ChangeDef,
    out: &mut AstPass<'_, '_, DB>,
) -> QueryResult<()>
where
    C: Place,
    DB: Backend,
    <C::Change as Column>::Table: QueryFragment<DB>,
{
    C::push_qualifier(out)?;
    out.push_identifier(definition.name(side))
}

// PostgreSQL: a text that once gave another result type fails on that connection for ever ("cached plan must not change
// result type"), so a column that comes back under its old name must not come back under its old text.
fn push_tag<DB: Backend>(side: Side, definition: &ChangeDef, out: &mut AstPass<'_, '_, DB>) {
    if side == Side::New && definition.two_passes() {
        out.push_sql(" /* expand-contract: retyped */");
    }
}
