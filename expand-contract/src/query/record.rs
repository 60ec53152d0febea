//! How the derives choose: `<Field<column, { column::EXPAND_CONTRACT }> as …>`.
//!
//! An associated type cannot be chosen by whether a type implements a trait. A constant can: an inherent associated
//! constant wins over a trait's, and a constant expression of concrete paths is allowed as a const argument. So a struct
//! needs no attribute to join a migration that is declared elsewhere.

use std::marker::PhantomData;

use diesel::deserialize;
use diesel::dsl;
use diesel::expression::{AsExpression, Expression};
use diesel::query_builder::AsChangeset;
use diesel::query_source::Column;
use diesel::sql_types::SingleValue;
use diesel::ExpressionMethods;

use super::assign::PhaseAssign;
use super::capture::Capture;
use super::change::{Change, Converts};
use super::converted::Builds;
use super::insert::{DefaultableSlot, InsertSlot, Passes};
use super::read::PhaseColumn;

/// Says of every type that it is no changed column; a changed column says otherwise with an inherent constant.
pub trait NotMigrating {
    /// Whether the column is changed.
    const EXPAND_CONTRACT: bool = false;
}

impl<T: ?Sized> NotMigrating for T {}

/// The two ways to name a changed column: by Diesel's type (declared on a model) or by the one that shadows it (declared
/// on the table).
pub trait Migrating {
    /// The changed column.
    type Change: Change;
}

impl<Ch: Change> Migrating for Ch {
    type Change = Ch;
}

impl<Ch: Change> Migrating for PhaseColumn<Ch> {
    type Change = Ch;
}

/// A column of a record, changed or not.
#[derive(Debug)]
pub struct Field<C, const CHANGED: bool>(PhantomData<C>);

/// The column in `Selectable`.
pub trait SelectField {
    /// The expression to select.
    type Expression;

    /// The expression to select.
    fn select() -> Self::Expression;
}

impl<C: Default> SelectField for Field<C, false> {
    type Expression = C;

    fn select() -> C {
        C::default()
    }
}

impl<C: Migrating> SelectField for Field<C, true> {
    type Expression = PhaseColumn<C::Change>;

    fn select() -> Self::Expression {
        PhaseColumn::NEW
    }
}

/// A field's value in `Insertable`.
#[diagnostic::on_unimplemented(
    message = "a value of type `{U}` does not fit the column of this field",
    label = "the type of this field",
    note = "the Rust types that fit a column stand in the documentation of its SQL type, in `diesel::sql_types`",
    note = "where Rust functions convert the column, the field is of the type they take: `T`, `&T` or `Option<T>`"
)]
pub trait InsertField<U> {
    /// The value, which is always given.
    type Given;
    /// The value, which may be the column's default.
    type Defaultable;

    /// The value, which is always given.
    fn given(value: U) -> Self::Given;

    /// The value, or the column's default.
    fn defaultable(value: Option<U>) -> Self::Defaultable;
}

#[diagnostic::do_not_recommend]
impl<C, U> InsertField<U> for Field<C, false>
where
    C: Column + Default,
    C::SqlType: SingleValue,
    U: AsExpression<C::SqlType>,
{
    type Given = dsl::Eq<C, U>;
    type Defaultable = Option<dsl::Eq<C, U>>;

    fn given(value: U) -> Self::Given {
        C::default().eq(value)
    }

    fn defaultable(value: Option<U>) -> Self::Defaultable {
        value.map(|value| C::default().eq(value))
    }
}

type Old<Ch, U> = <<Ch as Change>::Kind as Converts<Ch, U>>::Old;

#[diagnostic::do_not_recommend]
impl<C, U> InsertField<U> for Field<C, true>
where
    C: Migrating,
    U: AsExpression<<C::Change as Change>::NewSqlType>,
    U::Expression: Clone,
    <C::Change as Change>::Kind: Converts<C::Change, U>,
{
    type Given = InsertSlot<C::Change, U::Expression, Old<C::Change, U>>;
    type Defaultable = DefaultableSlot<C::Change, U::Expression, Old<C::Change, U>>;

    fn given(value: U) -> Self::Given {
        let old = <<C::Change as Change>::Kind as Converts<C::Change, U>>::old(&value);
        let capture = Capture::new(C::Change::cell());
        <C::Change as Change>::Passes::slot(capture, value.as_expression(), old)
    }

    fn defaultable(value: Option<U>) -> Self::Defaultable {
        let value = value.map(|value| {
            let old = <<C::Change as Change>::Kind as Converts<C::Change, U>>::old(&value);
            (value.as_expression(), old)
        });
        <C::Change as Change>::Passes::defaultable(Capture::new(C::Change::cell()), value)
    }
}

/// A field's value in `AsChangeset`.
#[diagnostic::on_unimplemented(
    message = "a value of type `{U}` does not fit the column of this field",
    label = "the type of this field",
    note = "the Rust types that fit a column stand in the documentation of its SQL type, in `diesel::sql_types`",
    note = "where Rust functions convert the column, the field is of the type they take: `T`, `&T` or `Option<T>`"
)]
pub trait AssignField<U> {
    /// The assignment.
    type Assignment: AsChangeset;

    /// The assignment.
    fn assign(value: U) -> Self::Assignment;
}

#[diagnostic::do_not_recommend]
impl<C, U> AssignField<U> for Field<C, false>
where
    C: Column + Default,
    C::SqlType: SingleValue,
    U: AsExpression<C::SqlType>,
    dsl::Eq<C, U>: AsChangeset,
{
    type Assignment = dsl::Eq<C, U>;

    fn assign(value: U) -> Self::Assignment {
        C::default().eq(value)
    }
}

#[diagnostic::do_not_recommend]
impl<C, U> AssignField<U> for Field<C, true>
where
    C: Migrating,
    U: AsExpression<<C::Change as Change>::NewSqlType>,
    U::Expression: Expression,
    <C::Change as Change>::Kind: Converts<C::Change, U>,
    PhaseAssign<C::Change, U::Expression, Old<C::Change, U>>: AsChangeset,
{
    type Assignment = PhaseAssign<C::Change, U::Expression, Old<C::Change, U>>;

    fn assign(value: U) -> Self::Assignment {
        PhaseAssign::new(value)
    }
}

/// A field in `Queryable`.
pub trait QueryField<U> {
    /// What is taken from the row.
    type Row;

    /// The field's value.
    ///
    /// # Errors
    /// The value does not convert.
    fn build(row: Self::Row) -> deserialize::Result<U>;
}

impl<C, U> QueryField<U> for Field<C, false> {
    type Row = U;

    fn build(row: U) -> deserialize::Result<U> {
        Ok(row)
    }
}

impl<C, U> QueryField<U> for Field<C, true>
where
    C: Migrating,
    <C::Change as Change>::Kind: Builds<C::Change, U>,
{
    type Row = <<C::Change as Change>::Kind as Builds<C::Change, U>>::Row;

    fn build(row: Self::Row) -> deserialize::Result<U> {
        <<C::Change as Change>::Kind as Builds<C::Change, U>>::build(row)
    }
}
