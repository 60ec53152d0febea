use std::cell::Cell;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::backend::Backend;
use diesel::dsl;
use diesel::expression::{AppearsOnTable, Expression};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::ExpressionMethods;

use super::capture::Capture;
use super::change::Change;
use super::columns::{OldColumn, ViaColumn};
use super::convert::{build_error, WalkOld};
use crate::definition::Dialect;
use crate::phase::{Route, Side, Stage};

/// A value on one of the physical columns behind a changed field.
pub trait SideValue<Ch: Change> {
    /// The column.
    const SIDE: Side;
    /// The column's SQL type.
    type SqlType;
    /// The expression as the user gave it.
    type Expression;
}

/// A value on one of the physical columns, on a backend.
pub trait WalkSide<Ch: Change, DB: Backend>: SideValue<Ch> {
    /// Emits the value.
    ///
    /// # Errors
    /// As of the value's expression or conversion.
    fn walk<'b>(&'b self, capture: &Capture, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

/// The value on the old column.
#[derive(Debug, Clone)]
pub struct OnOld<E, O> {
    new: E,
    old: O,
}

/// The value on the intermediate column.
#[derive(Debug, Clone)]
pub struct OnVia<E>(E);

/// The value on the new column.
#[derive(Debug, Clone)]
pub struct OnNew<E>(E);

impl<Ch: Change, E, O> SideValue<Ch> for OnOld<E, O> {
    const SIDE: Side = Side::Old;
    type SqlType = Ch::OldSqlType;
    type Expression = E;
}

impl<Ch, E, O, DB> WalkSide<Ch, DB> for OnOld<E, O>
where
    Ch: Change,
    DB: Backend,
    O: WalkOld<Ch, E, DB>,
{
    #[inline]
    fn walk<'b>(&'b self, capture: &Capture, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.old.walk_captured(&self.new, capture, out)
    }
}

macro_rules! new_typed_side {
    ($name:ident, $side:ident) => {
        impl<Ch: Change, E> SideValue<Ch> for $name<E> {
            const SIDE: Side = Side::$side;
            type SqlType = Ch::NewSqlType;
            type Expression = E;
        }

        impl<Ch, E, DB> WalkSide<Ch, DB> for $name<E>
        where
            Ch: Change,
            DB: Backend,
            E: QueryFragment<DB>,
        {
            #[inline]
            fn walk<'b>(&'b self, _: &Capture, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                self.0.walk_ast(out)
            }
        }
    };
}

new_typed_side!(OnVia, Via);
new_typed_side!(OnNew, New);

/// A value of an insert that emits nothing in a phase that does not write its column; Diesel's insert tuples then leave
/// the column's name out too.
#[derive(Debug, Clone)]
pub struct Written<Ch, V> {
    capture: Capture,
    // none: the column's default
    value: Option<V>,
    // known to be no element of an array
    single: bool,
    change: PhantomData<Ch>,
}

impl<Ch: Change, V> Written<Ch, V> {
    fn new(capture: Capture, value: Option<V>) -> Self {
        Written {
            capture,
            value,
            single: SINGLE.get(),
            change: PhantomData,
        }
    }
}

thread_local! {
    static SINGLE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the file is Diesel's insert statement; by address once it was found, since this runs for every record.
fn is_insert_statement(file: &'static str) -> bool {
    static FOUND: AtomicUsize = AtomicUsize::new(0);
    let address = file.as_ptr().addr();
    if FOUND.load(Ordering::Relaxed) == address {
        return true;
    }
    let found =
        file.ends_with("insert_statement/mod.rs") || file.ends_with("insert_statement\\mod.rs");
    if found {
        FOUND.store(address, Ordering::Relaxed);
    }
    found
}

/// Makes the values of a record; `caller` is who asked for them.
///
/// Diesel caches the insert of an array under its Rust type alone, and of anything else under its text. So an array's
/// statement of a later phase must stay out of the cache, and a single record's need not; but their values are of the same
/// types. What tells them apart is who asks: `insert_into(…).values(record)` does so itself, an array or `Vec` through an
/// iterator. Any other caller may stand for an array: then a statement is prepared once more than it had to be.
pub fn record_values<T>(caller: &'static Location<'static>, make: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            SINGLE.set(self.0);
        }
    }
    let direct = is_insert_statement(caller.file());
    // what a single record embeds is asked for by the record
    let outer = SINGLE.get();
    SINGLE.set(direct || outer);
    let _restore = Restore(outer);
    make()
}

impl<Ch, V> Expression for Written<Ch, V>
where
    Ch: Change,
    V: SideValue<Ch>,
    V::SqlType: diesel::expression::TypedExpressionType,
{
    type SqlType = V::SqlType;
}

impl<Ch, V, QS> AppearsOnTable<QS> for Written<Ch, V>
where
    Self: Expression,
    Ch: Change,
    V: SideValue<Ch>,
    V::Expression: AppearsOnTable<QS>,
{
}

impl<Ch, V> QueryId for Written<Ch, V> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Ch, V, DB> QueryFragment<DB> for Written<Ch, V>
where
    Ch: Change,
    V: WalkSide<Ch, DB>,
    DB: Backend,
{
    #[inline]
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let cell = Ch::cell();
        let stage = self.capture.seal_stage(cell).map_err(build_error)?;
        if !self.single && !cell.same_as_first(stage) {
            out.unsafe_to_cache_prepared();
        }
        let writers = const { Stage::writers(V::SIDE, Ch::Passes::ROUTE) };
        if writers & (1 << stage) != 0 {
            match &self.value {
                Some(value) => value.walk(&self.capture, out)?,
                None => {
                    let current = self.capture.seal(cell).map_err(build_error)?;
                    // elsewhere there is no such keyword: a column left out takes its default
                    if current.dialect == Dialect::Postgres {
                        out.push_sql("DEFAULT");
                    }
                }
            }
        }
        Ok(())
    }
}

/// The physical columns behind a changed field, in one slot of an insert's tuple.
pub type InsertSlot<Ch, E, O> = <<Ch as Change>::Passes as Passes>::Slot<Ch, E, O>;

/// As [`InsertSlot`], for a value that may be the column's default. The `Option`s (always `Some`) make Diesel insert
/// batches row by row where there is no `DEFAULT` keyword.
pub type DefaultableSlot<Ch, E, O> = <<Ch as Change>::Passes as Passes>::DefaultableSlot<Ch, E, O>;

type Old<Ch, E, O> = dsl::Eq<OldColumn<Ch>, Written<Ch, OnOld<E, O>>>;
type Via<Ch, E> = dsl::Eq<ViaColumn<Ch>, Written<Ch, OnVia<E>>>;
type New<Ch, E> = dsl::Eq<Ch, Written<Ch, OnNew<E>>>;

/// How many physical columns a change has; a type, because Diesel walks every element of an insert's tuple many times per
/// statement, silent ones too.
pub trait Passes: 'static {
    /// Which ones.
    const ROUTE: Route;
    /// See [`InsertSlot`].
    type Slot<Ch: Change, E, O>;
    /// See [`DefaultableSlot`].
    type DefaultableSlot<Ch: Change, E, O>;

    /// The values of a field.
    fn slot<Ch: Change, E: Clone, O>(capture: Capture, new: E, old: O) -> Self::Slot<Ch, E, O>;

    /// The values of a field that may be the column's default.
    fn defaultable<Ch: Change, E: Clone, O>(
        capture: Capture,
        value: Option<(E, O)>,
    ) -> Self::DefaultableSlot<Ch, E, O>;
}

/// Old and new.
#[derive(Debug, Clone, Copy)]
pub enum OnePass {}

/// Old, intermediate and new.
#[derive(Debug, Clone, Copy)]
pub enum TwoPasses {}

/// Old, marker and new.
#[derive(Debug, Clone, Copy)]
pub enum InPlace {}

impl Passes for OnePass {
    const ROUTE: Route = Route::OnePass;
    type Slot<Ch: Change, E, O> = (Old<Ch, E, O>, New<Ch, E>);
    type DefaultableSlot<Ch: Change, E, O> = (Option<Old<Ch, E, O>>, Option<New<Ch, E>>);

    #[inline]
    fn slot<Ch: Change, E: Clone, O>(capture: Capture, new: E, old: O) -> Self::Slot<Ch, E, O> {
        let on_old = OnOld {
            new: new.clone(),
            old,
        };
        (
            OldColumn::<Ch>::new().eq(Written::new(capture.clone(), Some(on_old))),
            Ch::default().eq(Written::new(capture, Some(OnNew(new)))),
        )
    }

    fn defaultable<Ch: Change, E: Clone, O>(
        capture: Capture,
        value: Option<(E, O)>,
    ) -> Self::DefaultableSlot<Ch, E, O> {
        match value {
            Some((new, old)) => {
                let (old, new) = Self::slot(capture, new, old);
                (Some(old), Some(new))
            }
            None => (
                Some(OldColumn::<Ch>::new().eq(Written::new(capture.clone(), None))),
                Some(Ch::default().eq(Written::new(capture, None))),
            ),
        }
    }
}

impl Passes for TwoPasses {
    const ROUTE: Route = Route::TwoPasses;
    type Slot<Ch: Change, E, O> = (Old<Ch, E, O>, Via<Ch, E>, New<Ch, E>);
    type DefaultableSlot<Ch: Change, E, O> = (
        Option<Old<Ch, E, O>>,
        Option<Via<Ch, E>>,
        Option<New<Ch, E>>,
    );

    fn slot<Ch: Change, E: Clone, O>(capture: Capture, new: E, old: O) -> Self::Slot<Ch, E, O> {
        let via = Written::new(capture.clone(), Some(OnVia(new.clone())));
        let (old, new) = OnePass::slot(capture, new, old);
        (old, ViaColumn::<Ch>::new().eq(via), new)
    }

    fn defaultable<Ch: Change, E: Clone, O>(
        capture: Capture,
        value: Option<(E, O)>,
    ) -> Self::DefaultableSlot<Ch, E, O> {
        match value {
            Some((new, old)) => {
                let (old, via, new) = Self::slot(capture, new, old);
                (Some(old), Some(via), Some(new))
            }
            None => {
                let via = Written::new(capture.clone(), None);
                let (old, new) = OnePass::defaultable(capture, None);
                (old, Some(ViaColumn::<Ch>::new().eq(via)), new)
            }
        }
    }
}

impl Passes for InPlace {
    const ROUTE: Route = Route::InPlace;
    type Slot<Ch: Change, E, O> = InsertOf<TwoPasses, Ch, E, O>;
    type DefaultableSlot<Ch: Change, E, O> = DefaultableOf<TwoPasses, Ch, E, O>;

    fn slot<Ch: Change, E: Clone, O>(capture: Capture, new: E, old: O) -> Self::Slot<Ch, E, O> {
        TwoPasses::slot(capture, new, old)
    }

    fn defaultable<Ch: Change, E: Clone, O>(
        capture: Capture,
        value: Option<(E, O)>,
    ) -> Self::DefaultableSlot<Ch, E, O> {
        TwoPasses::defaultable(capture, value)
    }
}

type InsertOf<P, Ch, E, O> = <P as Passes>::Slot<Ch, E, O>;
type DefaultableOf<P, Ch, E, O> = <P as Passes>::DefaultableSlot<Ch, E, O>;
