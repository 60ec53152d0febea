//! The library's own tables in the user's database. No other module writes to them.

mod cursor;
mod fleet;
mod gates;
mod instances;
mod lease;
mod overview;
mod queue;
mod requests;
mod runs;
mod saved;
mod schema;
mod shadow;
mod store;
mod strangers;
mod verifications;

#[cfg_attr(not(feature = "postgres-backend"), allow(unused_imports))]
pub(crate) use cursor::{number, slot};
pub(crate) use fleet::Registered;
pub(crate) use instances::{deregister, is_current, register, renew, view, Instance, Seen, View};
pub(crate) use lease::Lease;
pub(crate) use overview::{overview, Known};
pub(crate) use queue::{Entry, Written};
#[cfg(feature = "sqlite")]
pub(crate) use queue::{COPYING, NAMED};
pub(crate) use runs::{BrokenOff, Entry as RunEntry};
pub(crate) use schema::{ensure, meta, place, table, VERSION};
pub(crate) use store::{Ledger, Row};
pub(crate) use strangers::{poisoned, saw, Origin};
pub(crate) use verifications::Compared;

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
