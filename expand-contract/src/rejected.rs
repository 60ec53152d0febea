//! What a macro that refused its input leaves in its place. Nothing of it ever runs: it keeps the rest of the program
//! well-typed, so that the only errors are those about the annotation.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::dsl;
use diesel::expression::{is_aggregate, AppearsOnTable, Expression, SelectableExpression};
use diesel::expression::{IsContainedInGroupBy, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_source::{Column, Table};
use diesel::result::{Error, QueryResult};
use diesel::sql_types::{Bool, Integer};
use diesel::ExpressionMethods;

use crate::backend::{Converter, RunnerConnection};
use crate::definition::MigrationDef;
use crate::migration::{Migrate, MigrateOn};
use crate::state::PhaseCell;

mod table {
    #![allow(missing_docs, unreachable_pub)]
    diesel::table! {
        rejected (id) {
            id -> Integer,
        }
    }
}
pub use table::rejected;

static DEFINITION: MigrationDef = MigrationDef {
    id: "",
    generation: 1,
    changes: &[],
};
static PHASE: PhaseCell = PhaseCell::new(&DEFINITION);

impl Migrate for rejected::table {
    type Table = rejected::table;

    fn cell() -> &'static PhaseCell {
        &PHASE
    }
}

impl<C> MigrateOn<C> for rejected::table
where
    C: RunnerConnection,
    rejected::table: QueryFragment<C::Backend>,
{
    fn converters() -> Vec<Box<dyn Converter<C>>> {
        Vec::new()
    }
}

fn never() -> Error {
    Error::QueryBuilderError("the annotation was refused".into())
}

macro_rules! stands_in {
    ($(#[$doc:meta])* $name:ident: $sql_type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default)]
        pub struct $name;

        impl Expression for $name {
            type SqlType = $sql_type;
        }

        impl<QS> AppearsOnTable<QS> for $name {}

        impl<QS> SelectableExpression<QS> for $name {}

        impl<GB> ValidGrouping<GB> for $name {
            type IsAggregate = is_aggregate::Never;
        }

        impl QueryId for $name {
            type QueryId = Self;
        }

        impl<DB: Backend> QueryFragment<DB> for $name {
            fn walk_ast<'b>(&'b self, _: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                Err(never())
            }
        }
    };
}

stands_in!(
    /// For a changed column of a table that is not known, and for a comparison with it.
    Rejected: Bool
);
stands_in!(
    /// For what a struct selects.
    RejectedSelection: Integer
);

macro_rules! comparisons {
    ($($method:ident)+) => {
        impl Rejected {$(
            #[doc(hidden)]
            pub fn $method<T>(self, _: T) -> Self {
                self
            }
        )+}
    };
}

comparisons!(eq ne lt le gt ge eq_any ne_all assign);

/// A column in no database, of any table.
#[derive(Debug)]
pub struct RejectedColumn<T>(PhantomData<fn() -> T>);

impl<T> Clone for RejectedColumn<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for RejectedColumn<T> {}

impl<T> Default for RejectedColumn<T> {
    fn default() -> Self {
        RejectedColumn(PhantomData)
    }
}

impl<T> Expression for RejectedColumn<T> {
    type SqlType = Bool;
}

impl<T> ValidGrouping<()> for RejectedColumn<T> {
    type IsAggregate = is_aggregate::No;
}

impl<T, C: Column> IsContainedInGroupBy<C> for RejectedColumn<T> {
    type Output = diesel::expression::is_contained_in_group_by::No;
}

impl<T: Table> Column for RejectedColumn<T> {
    type Table = T;

    const NAME: &'static str = "";
}

impl<T: 'static> QueryId for RejectedColumn<T> {
    type QueryId = Self;
}

impl<T, DB: Backend> QueryFragment<DB> for RejectedColumn<T> {
    fn walk_ast<'b>(&'b self, _: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        Err(never())
    }
}

/// What a struct writes.
pub type RejectedValue<T> = dsl::Eq<RejectedColumn<T>, Rejected>;

/// It.
pub fn rejected_value<T: Table>() -> RejectedValue<T> {
    RejectedColumn::<T>::default().eq(Rejected)
}
