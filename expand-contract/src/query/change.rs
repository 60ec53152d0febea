use std::fmt::Debug;

use diesel::expression::{AsExpression, Expression, TypedExpressionType};
use diesel::query_source::Column;
use diesel::sql_types::{is_nullable, Nullable, SingleValue, SqlType};

use super::convert::{OldSide, RustDown, SqlDown};
use super::insert::Passes;
use crate::backend::RustConversion;
use crate::definition::ChangeDef;
use crate::state::PhaseCell;

/// A column of `schema.rs` that is being renamed or retyped. Implemented by `#[derive(Migrate)]` and
/// `#[expand_contract::migrate]` for the column's type, so that the column's type is all that a statement needs.
pub trait Change:
    Column
    + Expression<SqlType = <Self as Change>::NewSqlType>
    + Copy
    + Default
    + Debug
    + Send
    + Sync
    + 'static
{
    /// The column's SQL type.
    type NewSqlType: SqlType + SingleValue + TypedExpressionType;
    /// The old column's SQL type.
    type OldSqlType: SqlType + SingleValue + TypedExpressionType;
    /// Whether the database or Rust converts.
    type Kind: ConversionKind;
    /// Whether there is an intermediate column.
    type Passes: Passes;
    /// The old column's name in the database.
    const OLD: &'static str;
    /// The intermediate column's name; the new column's where there is none.
    const VIA: &'static str;
    /// The table, for its name in front of a column's.
    const TABLE: &'static Self::Table;
    /// The position in the migration's list of changes.
    const INDEX: usize;

    /// The migration's phase.
    fn cell() -> &'static PhaseCell;

    /// What the migration does to the column.
    fn definition() -> &'static ChangeDef {
        &Self::cell().definition().changes[Self::INDEX]
    }
}

/// The SQL type that a retype starts from.
pub trait OldTyped {
    /// It.
    type SqlType;
}

/// The kind of a change's conversion.
pub type Kind<Ch> = <Ch as Change>::Kind;

/// How the old side of a written value comes about; a type, because a Rust conversion needs the value's type.
pub trait ConversionKind: 'static {}

/// The database converts (or nothing is converted).
#[derive(Debug, Clone, Copy)]
pub enum BySql {}

/// Rust functions convert.
#[derive(Debug, Clone, Copy)]
pub enum ByRust {}

impl ConversionKind for BySql {}
impl ConversionKind for ByRust {}

/// A change whose values are converted by Rust functions.
pub trait RustChange: Change<Kind = ByRust> {
    /// The old side's Rust type, without `Option`.
    type Old: Send + Sync + Debug + 'static;
    /// The new side's Rust type, without `Option`.
    type New: Send + Sync + Debug + 'static;

    /// New from old.
    ///
    /// # Errors
    /// The value does not convert: the row is reported, the statement or step fails.
    fn up(old: Self::Old) -> Result<Self::New, String>;

    /// Old from new.
    ///
    /// # Errors
    /// The value does not convert: the statement fails before anything is sent.
    fn down(new: Self::New) -> Result<Self::Old, String>;
}

/// The conversion in one direction where the annotation names no functions: `TryFrom`, or `From`.
#[diagnostic::on_unimplemented(
    message = "`{T}` does not convert into `{Self}`",
    label = "needs `TryFrom<{T}>` (or `From<{T}>`)",
    note = "implement it, or name functions with `up_with = …` and `down_with = …`, or convert in SQL with `up = \"…\"` and \
            `down = \"…\"`"
)]
pub trait ConvertFrom<T>: Sized {
    /// What a value that does not convert says.
    type Error: std::fmt::Display;

    /// The value.
    ///
    /// # Errors
    /// It does not convert.
    fn convert_from(value: T) -> Result<Self, Self::Error>;
}

#[diagnostic::do_not_recommend]
impl<T, U> ConvertFrom<T> for U
where
    U: TryFrom<T>,
    U::Error: std::fmt::Display,
{
    type Error = U::Error;

    fn convert_from(value: T) -> Result<Self, Self::Error> {
        U::try_from(value)
    }
}

/// The forms in which a model's field may hold a value of type `N`; `None` is the database's NULL.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to a conversion that takes `{N}`",
    note = "use a field of type `{N}`, `&{N}` or `Option<{N}>`"
)]
pub trait ToNew<N> {
    /// The value, or `None` for NULL.
    fn to_new(&self) -> Option<N>;
}

impl<N: Clone> ToNew<N> for N {
    fn to_new(&self) -> Option<N> {
        Some(self.clone())
    }
}

impl<N: Clone> ToNew<N> for &N {
    fn to_new(&self) -> Option<N> {
        Some((*self).clone())
    }
}

impl ToNew<String> for &str {
    fn to_new(&self) -> Option<String> {
        Some((*self).to_owned())
    }
}

impl<T: Clone> ToNew<Vec<T>> for &[T] {
    fn to_new(&self) -> Option<Vec<T>> {
        Some(self.to_vec())
    }
}

impl ToNew<String> for &&str {
    fn to_new(&self) -> Option<String> {
        Some((**self).to_owned())
    }
}

impl<T: Clone> ToNew<Vec<T>> for &&[T] {
    fn to_new(&self) -> Option<Vec<T>> {
        Some(self.to_vec())
    }
}

impl<N> ToNew<N> for Option<N>
where
    N: Clone,
{
    fn to_new(&self) -> Option<N> {
        self.clone()
    }
}

impl<N: Clone> ToNew<N> for &Option<N> {
    fn to_new(&self) -> Option<N> {
        (*self).clone()
    }
}

impl<N: Clone> ToNew<N> for Option<&N> {
    fn to_new(&self) -> Option<N> {
        (*self).cloned()
    }
}

/// The old side of a value of type `U`, by the kind of conversion.
pub trait Converts<Ch, U>: ConversionKind
where
    Ch: Change,
    U: AsExpression<Ch::NewSqlType>,
{
    /// The old side.
    type Old: OldSide<Ch, U::Expression>;

    /// Makes the old side; a Rust conversion runs when (and if) the old side is written.
    fn old(value: &U) -> Self::Old;
}

impl<Ch, U> Converts<Ch, U> for BySql
where
    Ch: Change,
    U: AsExpression<Ch::NewSqlType>,
{
    type Old = SqlDown<Ch>;

    fn old(_: &U) -> Self::Old {
        SqlDown::new()
    }
}

impl<Ch, U> Converts<Ch, U> for ByRust
where
    Ch: RustChange,
    U: AsExpression<Ch::NewSqlType> + ToNew<Ch::New>,
    RustDown<Ch>: OldSide<Ch, U::Expression>,
{
    type Old = RustDown<Ch>;

    fn old(value: &U) -> Self::Old {
        RustDown::new(value.to_new())
    }
}

/// A SQL type without `Nullable`, found by its `IsNull`.
pub trait NotNullOf<ST> {
    /// It.
    type SqlType;
}

impl<ST> NotNullOf<ST> for is_nullable::NotNull {
    type SqlType = ST;
}

impl<ST> NotNullOf<Nullable<ST>> for is_nullable::IsNullable
where
    ST: SqlType,
{
    type SqlType = ST;
}

// What the runner needs of a change that Rust converts.
impl<Ch> RustConversion for Ch
where
    Ch: RustChange,
    <Ch::OldSqlType as SqlType>::IsNull: NotNullOf<Ch::OldSqlType>,
    <Ch::NewSqlType as SqlType>::IsNull: NotNullOf<Ch::NewSqlType>,
{
    type OldSqlType = <<Ch::OldSqlType as SqlType>::IsNull as NotNullOf<Ch::OldSqlType>>::SqlType;
    type NewSqlType = <<Ch::NewSqlType as SqlType>::IsNull as NotNullOf<Ch::NewSqlType>>::SqlType;
    type Old = Ch::Old;
    type New = Ch::New;

    fn up(old: Ch::Old) -> Result<Ch::New, Box<dyn std::error::Error + Send + Sync>> {
        <Ch as RustChange>::up(old).map_err(Into::into)
    }

    fn down(new: Ch::New) -> Result<Ch::Old, Box<dyn std::error::Error + Send + Sync>> {
        <Ch as RustChange>::down(new).map_err(Into::into)
    }
}
