//! The migration of a table, from the generated code's side.

use std::marker::PhantomData;

use diesel::query_source::Table;

use crate::state::PhaseCell;

/// A table with changed columns; implemented by the derive or by the attribute on `diesel::table!`.
pub trait Migrate: Table + 'static {
    /// The process-wide phase.
    fn cell() -> &'static PhaseCell;
}

/// A table whose migration can be run on a connection type.
pub trait MigrateOn<C>: Migrate {
    /// The Rust conversions, one per change that has them.
    fn converters() -> Vec<Box<dyn Converter<C>>>;
}

/// A Rust conversion bound to a connection type.
pub trait Converter<C> {}

/// A converter.
#[derive(Debug)]
pub struct RustConverter<Ch>(PhantomData<Ch>);

impl<Ch> RustConverter<Ch> {
    /// It.
    pub fn new(_: usize) -> Self {
        RustConverter(PhantomData)
    }
}

impl<Ch, C> Converter<C> for RustConverter<Ch> {}

/// The migration of a table.
#[derive(Debug)]
pub struct Migration<T>(PhantomData<T>);

impl<T> Migration<T> {
    /// The migration of the table.
    pub fn new() -> Self {
        Migration(PhantomData)
    }
}

impl<T> Default for Migration<T> {
    fn default() -> Self {
        Self::new()
    }
}
