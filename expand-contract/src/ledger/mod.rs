//! The library's own tables in the user's database. No other module writes to them.

#[cfg(feature = "database")]
mod cursor;
#[cfg(feature = "database")]
mod fleet;
#[cfg(feature = "database")]
mod gates;
#[cfg(feature = "database")]
mod instances;
mod lease;
#[cfg(feature = "database")]
mod overview;
mod queue;
#[cfg(feature = "database")]
mod requests;
#[cfg(feature = "database")]
mod runs;
#[cfg(feature = "database")]
mod saved;
#[cfg(feature = "database")]
mod schema;
#[cfg(feature = "database")]
mod shadow;
mod sightings;
mod store;
#[cfg(feature = "database")]
mod strangers;
mod tables;
#[cfg(feature = "database")]
mod takeover;
#[cfg(feature = "database")]
mod verifications;
mod version;

#[cfg(feature = "database")]
#[cfg_attr(not(feature = "postgres-backend"), allow(unused_imports))]
pub(crate) use cursor::{number, slot};
#[cfg(feature = "database")]
pub(crate) use fleet::Registered;
#[cfg(feature = "database")]
pub(crate) use instances::{deregister, is_current, register, renew, view, Instance, Seen, View};
pub(crate) use lease::Lease;
#[cfg(feature = "database")]
pub(crate) use overview::{overview, Known};
pub(crate) use queue::{Entry, Written};
#[cfg(any(feature = "sqlite", feature = "build"))]
pub(crate) use queue::{COPYING, NAMED};
#[cfg(feature = "database")]
pub(crate) use runs::{BrokenOff, Entry as RunEntry};
#[cfg(feature = "database")]
pub(crate) use schema::ensure;
pub(crate) use sightings::{poisoned, saw, Origin};
#[cfg(feature = "build")]
pub(crate) use store::{number_of, UNTOUCHED};
pub(crate) use store::{Ledger, Row};
#[cfg(feature = "build")]
pub(crate) use tables::whole;
pub(crate) use tables::{place, table, VERSION};
#[cfg(feature = "database")]
pub(crate) use verifications::Compared;
pub(crate) use version::meta;

use crate::definition::{Conversion, Dialect, MigrationDef, Part, SqlExpr, Strategy};
use crate::phase::{Side, Stage};

/// FNV-1a: stable across releases and platforms.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The definition as text: what is frozen at `expand`.
pub(crate) fn definition(def: &MigrationDef, dialect: Dialect) -> String {
    let expr = |expr: &SqlExpr| match expr.parts(dialect) {
        None => "-".to_owned(),
        Some(parts) => parts
            .iter()
            .map(|part| match part {
                Part::Sql(sql) => sql,
                Part::Column => "\u{2022}",
            })
            .collect::<String>(),
    };
    let mut out = String::new();
    for change in def.changes {
        let conversion = match &change.conversion {
            Conversion::Identity => "identity".to_owned(),
            Conversion::Sql { up, down } => format!("up {} down {}", expr(up), expr(down)),
            Conversion::Rust => "rust".to_owned(),
        };
        out.push_str(&format!(
            "{:?} via {:?} to {:?} type {:?} {conversion}{}{}\n",
            change.old,
            change.via,
            change.new,
            change.new_type.get(dialect),
            if change.lossless { " lossless" } else { "" },
            match change.strategy {
                Strategy::Copy => "",
                Strategy::InPlace => " in place",
            },
        ));
        for carry in change.carry {
            match &carry.sql {
                None => out.push_str(&format!("drop {:?}\n", carry.name)),
                Some(sql) if sql.parts(dialect).is_none() => {}
                Some(sql) => out.push_str(&format!("carry {:?} as {}\n", carry.name, expr(sql))),
            }
        }
    }
    out
}

/// The columns that code of the definition reads in the stage.
pub(crate) fn reads(def: &MigrationDef, stage: Stage) -> Vec<&'static str> {
    def.changes.iter().map(|c| c.name(c.reads(stage))).collect()
}

/// The columns that code of the definition writes in the stage.
pub(crate) fn writes(def: &MigrationDef, stage: Stage) -> Vec<&'static str> {
    let mut out = Vec::new();
    for change in def.changes {
        for side in [Side::Old, Side::Via, Side::New] {
            if change.writes(side, stage) && !out.contains(&change.name(side)) {
                out.push(change.name(side));
            }
        }
    }
    out
}

/// A set of columns as the ledger stores it: one a line, since a name may hold any other character.
pub(crate) fn join(columns: &[&str]) -> String {
    columns.join("\n")
}
