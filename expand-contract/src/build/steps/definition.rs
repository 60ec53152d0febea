//! From a declaration in the source to the definition that the derive would write.

use expand_contract_model::{Part as ModelPart, PerDialect as ByDialect};

use super::types;
use crate::build::models::{Converted, Cut, Declared, DeclaredChange, Table};
use crate::definition::{
    Carry, ChangeDef, Conversion, MigrationDef, Part, PerDialect, SqlExpr, Strategy,
};

/// The definition, for as long as the build script runs: the plan knows the ones of derives only, which are `static`.
pub(super) fn definition(declared: &Declared, table: &Table) -> &'static MigrationDef {
    let changes: Vec<ChangeDef> = declared
        .changes
        .iter()
        .map(|declared| change(declared, table))
        .collect();
    Box::leak(Box::new(MigrationDef {
        id: text(&declared.id),
        generation: declared.generation,
        changes: Vec::leak(changes),
    }))
}

fn change(declared: &DeclaredChange, table: &Table) -> ChangeDef {
    let column = table.column(&declared.column);
    let new = column.map_or(declared.column.as_str(), |column| column.name.as_str());
    let how = &declared.how;
    let carry: Vec<Carry> = how
        .carry
        .iter()
        .map(|(name, sql)| Carry {
            name: text(name),
            sql: sql.as_ref().map(expression),
        })
        .collect();
    let given = &how.sql_type;
    let mut new_type = PerDialect {
        any: given.any.as_deref().map(text),
        postgres: given.postgres.as_deref().map(text),
        sqlite: given.sqlite.as_deref().map(text),
    };
    // where the annotation is silent, a retype takes Diesel's type; a rename keeps the one in the catalogue
    if let (Some(column), Some(_), None) = (column, &declared.retype_from, new_type.any) {
        let ty = types::declared(&column.ty);
        new_type.postgres = new_type.postgres.or(ty.postgres);
        new_type.sqlite = new_type.sqlite.or(ty.sqlite);
    }
    ChangeDef {
        old: text(declared.old_name.as_deref().unwrap_or(new)),
        via: declared.via.as_deref().map(text),
        new: text(new),
        strategy: match how.in_place {
            true => Strategy::InPlace,
            false => Strategy::Copy,
        },
        conversion: match &how.conversion {
            Converted::Identity => Conversion::Identity,
            Converted::Sql { up, down } => Conversion::Sql {
                up: expression(up),
                down: expression(down),
            },
            Converted::Rust => Conversion::Rust,
        },
        lossless: how.lossless,
        monotonic: how.monotonic,
        new_type,
        nullable: column.is_some_and(|column| types::is_nullable(&column.ty)),
        carry: Vec::leak(carry),
    }
}

fn text(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

fn expression(cut: &Cut) -> SqlExpr {
    let ByDialect {
        any,
        postgres,
        sqlite,
    } = cut;
    let parts = |parts: &Option<Vec<ModelPart>>| {
        let parts = parts.as_ref()?.iter().map(|part| match part {
            ModelPart::Sql(sql) => Part::Sql(text(sql)),
            ModelPart::Column => Part::Column,
        });
        let parts: &'static [Part] = Vec::leak(parts.collect());
        Some(parts)
    };
    SqlExpr {
        any: parts(any),
        postgres: parts(postgres),
        sqlite: parts(sqlite),
    }
}
