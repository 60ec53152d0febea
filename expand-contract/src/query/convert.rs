use std::marker::PhantomData;
use std::sync::OnceLock;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::{Error, QueryResult};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, IntoNullable};

use super::capture::Capture;
use super::change::{Change, RustChange};
use crate::definition::{Conversion, Part};
use crate::state::{Current, StatementError};

/// The old side of a written value whose new side is an expression `E`.
pub trait OldSide<Ch, E> {}

/// The old side on a backend.
pub trait WalkOld<Ch, E, DB: Backend>: OldSide<Ch, E> {
    /// Emits the old side of `new`.
    ///
    /// # Errors
    /// The value does not convert, or the annotation has no conversion for the dialect.
    fn walk_old<'b>(
        &'b self,
        new: &'b E,
        current: Current,
        out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>;

    /// As [`Self::walk_old`], for the many walks of an insert: looks at the phase only if it matters.
    ///
    /// # Errors
    /// As of [`Self::walk_old`].
    #[inline]
    fn walk_captured<'b>(
        &'b self,
        new: &'b E,
        capture: &Capture,
        out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        Ch: Change,
    {
        let current = capture.seal(Ch::cell()).map_err(build_error)?;
        self.walk_old(new, current, out)
    }
}

/// `down` around the new side, by the database.
#[derive(Debug, Clone, Copy)]
pub struct SqlDown<Ch>(PhantomData<Ch>);

impl<Ch> SqlDown<Ch> {
    pub(super) fn new() -> Self {
        SqlDown(PhantomData)
    }
}

impl<Ch, E> OldSide<Ch, E> for SqlDown<Ch> {}

impl<Ch, E, DB> WalkOld<Ch, E, DB> for SqlDown<Ch>
where
    Ch: Change,
    E: QueryFragment<DB>,
    DB: Backend,
{
    #[inline]
    fn walk_old<'b>(
        &'b self,
        new: &'b E,
        current: Current,
        mut out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()> {
        match &Ch::definition().conversion {
            Conversion::Sql { down, .. } => {
                let parts = down
                    .parts(current.dialect)
                    .ok_or_else(|| no_conversion::<Ch>(current))?;
                walk_parts(parts, &mut out, |out| new.walk_ast(out.reborrow()))
            }
            _ => new.walk_ast(out),
        }
    }

    #[inline]
    fn walk_captured<'b>(
        &'b self,
        new: &'b E,
        capture: &Capture,
        out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()> {
        if matches!(Ch::definition().conversion, Conversion::Identity) {
            return new.walk_ast(out);
        }
        let current = capture.seal(Ch::cell()).map_err(build_error)?;
        self.walk_old(new, current, out)
    }
}

/// `down` of the new side, by a Rust function, which runs when the old side is first emitted.
pub struct RustDown<Ch: RustChange> {
    new: Option<Ch::New>,
    old: OnceLock<Result<Option<Ch::Old>, String>>,
}

impl<Ch: RustChange> std::fmt::Debug for RustDown<Ch> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RustDown").field(&self.new).finish()
    }
}

impl<Ch> Clone for RustDown<Ch>
where
    Ch: RustChange,
    Ch::New: Clone,
{
    fn clone(&self) -> Self {
        RustDown::new(self.new.clone())
    }
}

impl<Ch: RustChange> RustDown<Ch> {
    pub(super) fn new(new: Option<Ch::New>) -> Self {
        RustDown {
            new,
            old: OnceLock::new(),
        }
    }
}

impl<Ch: RustChange, E> OldSide<Ch, E> for RustDown<Ch> {}

impl<Ch, E, DB> WalkOld<Ch, E, DB> for RustDown<Ch>
where
    Ch: RustChange,
    Ch::New: Clone,
    Ch::OldSqlType: IntoNullable,
    DB: Backend + HasSqlType<<Ch::OldSqlType as IntoNullable>::Nullable>,
    Option<Ch::Old>: ToSql<<Ch::OldSqlType as IntoNullable>::Nullable, DB>,
{
    fn walk_old<'b>(
        &'b self,
        _: &'b E,
        _: Current,
        mut out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()> {
        let old = self
            .old
            .get_or_init(|| self.new.clone().map(Ch::down).transpose());
        match old {
            Ok(old) => out.push_bind_param(old),
            Err(reason) => Err(Error::SerializationError(Box::new(StatementError::Value {
                column: Ch::NAME,
                reason: reason.clone(),
            }))),
        }
    }
}

/// Emits an SQL expression over a column, in parentheses.
pub(super) fn walk_parts<'b, DB: Backend>(
    parts: &'static [Part],
    out: &mut AstPass<'_, 'b, DB>,
    mut column: impl FnMut(&mut AstPass<'_, 'b, DB>) -> QueryResult<()>,
) -> QueryResult<()> {
    out.push_sql("(");
    for part in parts {
        match part {
            Part::Sql(sql) => out.push_sql(sql),
            Part::Column => column(out)?,
        }
    }
    out.push_sql(")");
    Ok(())
}

pub(super) fn no_conversion<Ch: Change>(current: Current) -> Error {
    build_error(StatementError::NoConversion {
        migration: Ch::cell().definition().id,
        column: Ch::NAME,
        dialect: current.dialect,
    })
}

#[cold]
pub(crate) fn build_error(error: StatementError) -> Error {
    Error::QueryBuilderError(Box::new(error))
}
