use std::fmt::Debug;
use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::dsl;
use diesel::expression::{
    AppearsOnTable, AsExpression, Expression, SelectableExpression, ValidGrouping,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_source::Column;
use diesel::result::{Error, QueryResult};

use super::capture::Capture;
use super::change::{Change, Converts};
use super::convert::{build_error, no_conversion, walk_parts, WalkOld};
use super::read::{push_side, PhaseColumn, Place};
use crate::definition::{Conversion, Dialect};
use crate::phase::Side;
use crate::state::Current;

/// A comparison operator.
pub trait Operator: Debug + Copy + Send + Sync + 'static {
    /// The SQL of the operator, spaces included.
    const SQL: &'static str;
    /// Whether it compares by order, so that only a monotonic conversion keeps its meaning.
    const BY_ORDER: bool;
}

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident($sql:literal, $by_order:literal);)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Operator for $name {
            const SQL: &'static str = $sql;
            const BY_ORDER: bool = $by_order;
        }
    )+};
}

operators! {
    /// `=`
    Equal(" = ", false);
    /// `<>`
    NotEqual(" != ", false);
    /// `<`
    Less(" < ", true);
    /// `<=`
    LessOrEqual(" <= ", true);
    /// `>`
    Greater(" > ", true);
    /// `>=`
    GreaterOrEqual(" >= ", true);
}

/// `column operator value`, with the bare column on the left wherever the conversion allows it, so that an index serves.
#[derive(Debug, Clone)]
pub struct Compare<C, Op, E, O> {
    capture: Capture,
    new: E,
    old: O,
    place: PhantomData<fn() -> (C, Op)>,
}

/// `.eq(value)`: a predicate, a value of an insert and an assignment.
pub type PhaseEq<C, E, O> = Compare<C, Equal, E, O>;

impl<C, Op, E, O> Compare<C, Op, E, O> {
    pub(super) fn parts(self) -> (Capture, E, O) {
        (self.capture, self.new, self.old)
    }
}

/// What `column.eq(value)` is for a value of type `T`.
pub type Compared<C, Op, T> = Compare<
    C,
    Op,
    <T as AsExpression<<<C as Place>::Change as Change>::NewSqlType>>::Expression,
    <<<C as Place>::Change as Change>::Kind as Converts<<C as Place>::Change, T>>::Old,
>;

/// What a boolean expression over the column and `E` has as SQL type: nullable if one of them is.
pub(super) type BoolOf<C, E> = <dsl::Eq<<C as Place>::Change, E> as Expression>::SqlType;

macro_rules! comparisons {
    ($($(#[$doc:meta])* $method:ident: $op:ident;)+) => {
        impl<C: Place> PhaseColumn<C> {$(
            $(#[$doc])*
            pub fn $method<T>(self, value: T) -> Compared<C, $op, T>
            where
                T: AsExpression<<C::Change as Change>::NewSqlType>,
                <C::Change as Change>::Kind: Converts<C::Change, T>,
            {
                compare(value)
            }
        )+}
    };
}

comparisons! {
    /// `column = value`; in an insert or a changeset, the value.
    eq: Equal;
    /// `column <> value`.
    ne: NotEqual;
    /// `column < value`.
    lt: Less;
    /// `column <= value`.
    le: LessOrEqual;
    /// `column > value`.
    gt: Greater;
    /// `column >= value`.
    ge: GreaterOrEqual;
}

/// What Diesel finds rows by their keys with: `find`, and the update and the deletion of a record.
impl<C, T> diesel::EqAll<T> for PhaseColumn<C>
where
    C: Place,
    T: AsExpression<<C::Change as Change>::NewSqlType>,
    <C::Change as Change>::Kind: Converts<C::Change, T>,
    Compared<C, Equal, T>: Expression<SqlType = diesel::sql_types::Bool>,
{
    type Output = Compared<C, Equal, T>;

    fn eq_all(self, rhs: T) -> Self::Output {
        self.eq(rhs)
    }
}

fn compare<C, Op, T>(value: T) -> Compared<C, Op, T>
where
    C: Place,
    T: AsExpression<<C::Change as Change>::NewSqlType>,
    <C::Change as Change>::Kind: Converts<C::Change, T>,
{
    let old = <<C::Change as Change>::Kind as Converts<C::Change, T>>::old(&value);
    Compare {
        capture: Capture::new(C::Change::cell()),
        new: value.as_expression(),
        old,
        place: PhantomData,
    }
}

impl<C, Op, E, O> Expression for Compare<C, Op, E, O>
where
    C: Place,
    E: Expression<SqlType = <C::Change as Change>::NewSqlType>,
    dsl::Eq<C::Change, E>: Expression,
{
    type SqlType = BoolOf<C, E>;
}

impl<C, Op, E, O> QueryId for Compare<C, Op, E, O> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, Op, E, O, QS> AppearsOnTable<QS> for Compare<C, Op, E, O>
where
    Self: Expression,
    C: AppearsOnTable<QS>,
    E: AppearsOnTable<QS>,
{
}

impl<C, Op, E, O, QS> SelectableExpression<QS> for Compare<C, Op, E, O>
where
    Self: AppearsOnTable<QS>,
    C: SelectableExpression<QS>,
    E: SelectableExpression<QS>,
{
}

impl<C, Op, E, O, GB> ValidGrouping<GB> for Compare<C, Op, E, O>
where
    C: Place,
    E: Expression<SqlType = <C::Change as Change>::NewSqlType>,
    dsl::Eq<C::Change, E>: ValidGrouping<GB>,
{
    type IsAggregate = <dsl::Eq<C::Change, E> as ValidGrouping<GB>>::IsAggregate;
}

impl<C, Op, E, O, DB> QueryFragment<DB> for Compare<C, Op, E, O>
where
    C: Place,
    Op: Operator,
    E: QueryFragment<DB>,
    O: WalkOld<C::Change, E, DB>,
    <C::Change as Column>::Table: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let current = self.capture.seal(C::Change::cell()).map_err(build_error)?;
        out.push_sql("(");
        match Comparand::of::<C::Change>(current, Op::BY_ORDER)? {
            Comparand::Bare(side) => {
                push_side::<C, DB>(side, C::Change::definition(), &mut out)?;
                out.push_sql(Op::SQL);
                self.new.walk_ast(out.reborrow())?;
            }
            Comparand::BareOld => {
                push_side::<C, DB>(Side::Old, C::Change::definition(), &mut out)?;
                out.push_sql(Op::SQL);
                push_old_value::<C, E, O, DB>(&self.new, &self.old, current, &mut out)?;
            }
            Comparand::ConvertedOld => {
                push_up::<C, DB>(current, &mut out)?;
                out.push_sql(Op::SQL);
                self.new.walk_ast(out.reborrow())?;
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

/// What a comparison puts on its left, and what that asks of its right.
pub(super) enum Comparand {
    /// A column that holds new values: the value as it is.
    Bare(Side),
    /// The old column: the value's old side.
    BareOld,
    /// `up` around the old column: the value as it is.
    ConvertedOld,
}

impl Comparand {
    pub(super) fn of<Ch: Change>(current: Current, by_order: bool) -> QueryResult<Self> {
        let definition = Ch::definition();
        let side = definition.reads(current.stage);
        let keeps_meaning = definition.lossless && (!by_order || definition.monotonic);
        match definition.conversion {
            Conversion::Identity => Ok(Comparand::Bare(side)),
            _ if side != Side::Old => Ok(Comparand::Bare(side)),
            Conversion::Sql { .. } if keeps_meaning => Ok(Comparand::BareOld),
            Conversion::Sql { .. } => Ok(Comparand::ConvertedOld),
            // the database cannot convert the column, only we the value
            Conversion::Rust if keeps_meaning => Ok(Comparand::BareOld),
            Conversion::Rust => Err(Error::QueryBuilderError(
                format!(
                    "`{}` is converted by Rust functions, so this comparison cannot be made on its old column: \
                     annotate the change `lossless`{} if that is true, or filter in Rust",
                    Ch::NAME,
                    if by_order { ", monotonic" } else { "" }
                )
                .into(),
            )),
        }
    }
}

/// `up` around the old column.
pub(super) fn push_up<C, DB>(current: Current, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>
where
    C: Place,
    <C::Change as Column>::Table: QueryFragment<DB>,
    DB: Backend,
{
    let definition = C::Change::definition();
    let Conversion::Sql { up, .. } = definition.conversion else {
        return push_side::<C, DB>(Side::Old, definition, out);
    };
    let parts = up
        .parts(current.dialect)
        .ok_or_else(|| no_conversion::<C::Change>(current))?;
    walk_parts(parts, out, |out| {
        push_side::<C, DB>(Side::Old, definition, out)
    })
}

/// The old side of a value, as the old column's own type: `down` may give a type of the same family (`text` for a
/// `char(64)`), and PostgreSQL would then convert the column instead of the value and scan.
pub(super) fn push_old_value<'b, C, E, O, DB>(
    new: &'b E,
    old: &'b O,
    current: Current,
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()>
where
    C: Place,
    O: WalkOld<C::Change, E, DB>,
    DB: Backend,
{
    let old_type = match current.dialect {
        Dialect::Postgres => C::Change::cell().old_type(C::Change::INDEX),
        Dialect::Sqlite => None,
    };
    match old_type {
        Some(old_type) => {
            out.push_sql("CAST(");
            old.walk_old(new, current, out.reborrow())?;
            out.push_sql(" AS ");
            out.push_sql(&old_type);
            out.push_sql(")");
            Ok(())
        }
        None => old.walk_old(new, current, out.reborrow()),
    }
}

impl<C: Place> PhaseColumn<C> {
    /// `column BETWEEN lower AND upper`.
    pub fn between<T, U>(
        self,
        lower: T,
        upper: U,
    ) -> Between<Compared<C, GreaterOrEqual, T>, Compared<C, LessOrEqual, U>>
    where
        T: AsExpression<<C::Change as Change>::NewSqlType>,
        U: AsExpression<<C::Change as Change>::NewSqlType>,
        <C::Change as Change>::Kind: Converts<C::Change, T> + Converts<C::Change, U>,
    {
        Between(self.ge(lower), self.le(upper))
    }
}
/// `column >= lower AND column <= upper`.
#[derive(Debug, Clone, ValidGrouping)]
pub struct Between<L, U>(L, U);

impl<L, U> Expression for Between<L, U>
where
    L: Expression,
    U: Expression,
{
    type SqlType = L::SqlType;
}

impl<L, U> QueryId for Between<L, U> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<L, U, QS> AppearsOnTable<QS> for Between<L, U>
where
    L: AppearsOnTable<QS>,
    U: AppearsOnTable<QS>,
{
}

impl<L, U, QS> SelectableExpression<QS> for Between<L, U>
where
    L: SelectableExpression<QS>,
    U: SelectableExpression<QS>,
{
}

impl<L, U, DB> QueryFragment<DB> for Between<L, U>
where
    L: QueryFragment<DB>,
    U: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" AND ");
        self.1.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}
