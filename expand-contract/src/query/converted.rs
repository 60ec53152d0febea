use std::fmt::Debug;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromStaticSqlRow, Queryable};
use diesel::result::UnexpectedNullError;
use diesel::sql_types::IntoNullable;

use super::change::{ByRust, BySql, Change, ConversionKind, RustChange};
use crate::state::StatementError;

/// How a column that Rust converts is selected: `old, NULL` or `NULL, new`.
pub type ConvertedSqlType<Ch> = (
    <<Ch as Change>::OldSqlType as IntoNullable>::Nullable,
    <<Ch as Change>::NewSqlType as IntoNullable>::Nullable,
);

/// The value of a column that Rust converts, from whichever column the phase reads.
pub struct Converted<Ch: RustChange>(Option<Ch::New>);

impl<Ch: RustChange> Converted<Ch> {
    /// The value; `None` for NULL.
    pub fn into_inner(self) -> Option<Ch::New> {
        self.0
    }
}

impl<Ch: RustChange> Debug for Converted<Ch> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Converted").field(&self.0).finish()
    }
}

impl<Ch, Old, New, DB> Queryable<(Old, New), DB> for Converted<Ch>
where
    Ch: RustChange,
    DB: Backend,
    (Option<Ch::Old>, Option<Ch::New>): FromStaticSqlRow<(Old, New), DB>,
{
    type Row = (Option<Ch::Old>, Option<Ch::New>);

    fn build((old, new): Self::Row) -> deserialize::Result<Self> {
        match old {
            Some(old) => match Ch::up(old) {
                Ok(new) => Ok(Converted(Some(new))),
                Err(reason) => Err(Box::new(StatementError::Value {
                    column: Ch::NAME,
                    reason,
                })),
            },
            None => Ok(Converted(new)),
        }
    }
}

/// The forms in which a model's field may take a converted value of type `N`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made from a conversion that gives `{N}`",
    note = "use a field of type `{N}` or `Option<{N}>`"
)]
pub trait FromNew<N>: Sized {
    /// The field's value; `None` is the database's NULL.
    ///
    /// # Errors
    /// NULL for a field that is not an `Option`.
    fn from_new(new: Option<N>) -> deserialize::Result<Self>;
}

impl<N> FromNew<N> for N {
    fn from_new(new: Option<N>) -> deserialize::Result<Self> {
        new.ok_or_else(|| Box::new(UnexpectedNullError) as _)
    }
}

impl<N> FromNew<N> for Option<N> {
    fn from_new(new: Option<N>) -> deserialize::Result<Self> {
        Ok(new)
    }
}

/// How a field of type `U` is made from a row, by the kind of conversion.
pub trait Builds<Ch, U>: ConversionKind {
    /// What is taken from the row.
    type Row;

    /// The field's value.
    ///
    /// # Errors
    /// NULL for a field that is not an `Option`.
    fn build(row: Self::Row) -> deserialize::Result<U>;
}

impl<Ch, U> Builds<Ch, U> for BySql {
    type Row = U;

    fn build(row: U) -> deserialize::Result<U> {
        Ok(row)
    }
}

impl<Ch, U> Builds<Ch, U> for ByRust
where
    Ch: RustChange,
    U: FromNew<Ch::New>,
{
    type Row = Converted<Ch>;

    fn build(row: Converted<Ch>) -> deserialize::Result<U> {
        U::from_new(row.into_inner())
    }
}
