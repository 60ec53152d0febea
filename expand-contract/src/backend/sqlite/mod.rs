//! SQLite: what it is told without a connection, and what is asked of one.

#[cfg(feature = "sqlite")]
mod catalogue;
pub(crate) mod definition;
#[cfg(feature = "sqlite")]
mod driver;
#[cfg(feature = "sqlite")]
mod in_place;
#[cfg(feature = "sqlite")]
mod indexes;
mod mirror;
#[cfg(feature = "sqlite")]
mod notices;
#[cfg(feature = "sqlite")]
mod open;
mod queue;
pub(crate) mod rules;
pub(crate) mod tokens;

#[cfg(feature = "sqlite")]
pub(crate) use driver::File;
