//! Types, and which change of a type leaves the rows where they are.

use sqlparser::ast::DataType;

use super::op::Type;
use crate::build::lints::Database;

/// What a change of type costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Only the catalogue changes.
    Rows,
    /// Every row is written anew, or read, under the lock.
    Nothing,
    /// It depends on the type before, which no file says.
    Unknown,
}

impl Type {
    /// From the parser's tree.
    pub(crate) fn of(ty: &DataType) -> Type {
        Type::from_text(&ty.to_string())
    }

    /// From SQL text.
    pub(crate) fn from_text(text: &str) -> Type {
        let text = text.to_ascii_lowercase();
        let text = text.split(" collate ").next().unwrap_or_default();
        let is_array = text.contains('[') || text.starts_with("array");
        let (mut words, mut arguments) = (String::new(), Vec::new());
        let mut rest = text.split('[').next().unwrap_or_default();
        while let Some(open) = rest.find('(') {
            words.push_str(&rest[..open]);
            let inside = &rest[open + 1..];
            let close = inside.find(')').unwrap_or(inside.len());
            arguments.extend(
                inside[..close]
                    .split(',')
                    .filter_map(|number| number.trim().parse::<i64>().ok()),
            );
            rest = inside.get(close + 1..).unwrap_or_default();
        }
        words.push_str(rest);
        let words: Vec<&str> = words.split_whitespace().collect();
        let name = words.join(" ");
        let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
        Type {
            name: canonical(name).to_string(),
            arguments,
            is_array,
        }
    }

    /// As one writes it.
    pub(crate) fn text(&self) -> String {
        let arguments: Vec<String> = self.arguments.iter().map(i64::to_string).collect();
        let arguments = match arguments.as_slice() {
            [] => String::new(),
            some => format!("({})", some.join(",")),
        };
        let array = if self.is_array { "[]" } else { "" };
        format!("{}{arguments}{array}", self.name)
    }

    /// `serial` and its kin.
    pub(crate) fn is_serial(&self) -> bool {
        matches!(self.name.as_str(), "serial" | "bigserial" | "smallserial")
    }
}

fn canonical(name: &str) -> &str {
    match name {
        "character varying" | "char varying" | "varchar" | "nvarchar" => "varchar",
        "character" | "char" | "bpchar" => "char",
        "int" | "integer" | "int4" => "int",
        "bigint" | "int8" => "bigint",
        "smallint" | "int2" => "smallint",
        "serial" | "serial4" => "serial",
        "bigserial" | "serial8" => "bigserial",
        "smallserial" | "serial2" => "smallserial",
        "decimal" | "numeric" | "dec" => "numeric",
        "double precision" | "float8" | "double" => "double",
        "real" | "float4" => "real",
        "bool" | "boolean" => "bool",
        "timestamp with time zone" | "timestamptz" => "timestamptz",
        "timestamp without time zone" | "timestamp" => "timestamp",
        "time with time zone" | "timetz" => "timetz",
        "time without time zone" | "time" => "time",
        "bit varying" | "varbit" => "varbit",
        other => other,
    }
}

/// Whether a change of type leaves the rows as they are. Tried on PostgreSQL 15, by the table's file before and after.
pub(crate) fn keeps_its_rows(before: Option<&Type>, after: &Type, database: Database) -> Kept {
    let Some(before) = before else {
        return Kept::Unknown;
    };
    if before == after {
        return Kept::Rows;
    }
    let kept = match database {
        Database::Postgres => postgres(before, after),
        Database::Mysql => mysql(before, after),
        Database::Sqlite => false,
    };
    if kept {
        Kept::Rows
    } else {
        Kept::Nothing
    }
}

fn postgres(before: &Type, after: &Type) -> bool {
    if before.is_array || after.is_array {
        return false;
    }
    let limit = |ty: &Type| ty.arguments.first().copied();
    let widens = match (limit(before), limit(after)) {
        (_, None) => true,
        (Some(before), Some(after)) => before <= after,
        (None, Some(_)) => false,
    };
    match (before.name.as_str(), after.name.as_str()) {
        ("varchar" | "text", "text") | ("cidr", "inet") => true,
        ("text", "varchar") => limit(after).is_none(),
        ("varchar", "varchar") | ("varbit", "varbit") => widens,
        ("timestamp", "timestamp")
        | ("timestamptz", "timestamptz")
        | ("time", "time")
        | ("timetz", "timetz")
        | ("interval", "interval") => widens,
        ("numeric", "numeric") => {
            let scale = |ty: &Type| ty.arguments.get(1).copied().unwrap_or(0);
            widens && (limit(after).is_none() || scale(before) == scale(after))
        }
        // `timestamp` → `timestamptz` only in a session whose time zone is UTC
        _ => false,
    }
}

/// InnoDB widens a VARCHAR in place as long as its length keeps the size of its prefix: 255 bytes, at up to 4 a character.
fn mysql(before: &Type, after: &Type) -> bool {
    let ("varchar", "varchar") = (before.name.as_str(), after.name.as_str()) else {
        return false;
    };
    match (before.arguments.first(), after.arguments.first()) {
        (Some(before), Some(after)) => before <= after && (*after <= 63 || *before >= 256),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(before: &str, after: &str) -> Kept {
        keeps_its_rows(
            Some(&Type::from_text(before)),
            &Type::from_text(after),
            Database::Postgres,
        )
    }

    #[test]
    fn postgres_rewrites_what_was_seen_rewritten() {
        for (before, after) in [
            ("timestamp(3)", "timestamp(6)"),
            ("timestamp(6) without time zone", "TIMESTAMP"),
            ("numeric(5,2)", "numeric(8,2)"),
            ("decimal(8,3)", "NUMERIC"),
            ("varchar(5)", "character varying(9)"),
            ("varchar(9)", "text"),
            ("text", "varchar"),
            ("cidr", "inet"),
            ("bit varying(3)", "varbit"),
            ("interval(3)", "interval(6)"),
            ("int4", "integer"),
        ] {
            assert_eq!(kept(before, after), Kept::Rows, "{before} → {after}");
        }
        for (before, after) in [
            ("numeric(8,2)", "numeric(8,3)"),
            ("numeric(8,2)", "numeric(7,2)"),
            ("text", "varchar(4)"),
            ("varchar(9)", "varchar(5)"),
            ("char(3)", "text"),
            ("int", "bigint"),
            ("bigint", "text"),
            ("timestamp", "timestamptz"),
            ("varchar(5)", "varchar(9)[]"),
        ] {
            assert_eq!(kept(before, after), Kept::Nothing, "{before} → {after}");
        }
        assert_eq!(
            keeps_its_rows(None, &Type::from_text("text"), Database::Postgres),
            Kept::Unknown
        );
    }

    #[test]
    fn mysql_widens_in_place_within_a_length_byte() {
        let kept = |before: &str, after: &str| {
            keeps_its_rows(
                Some(&Type::from_text(before)),
                &Type::from_text(after),
                Database::Mysql,
            )
        };
        assert_eq!(kept("varchar(20)", "varchar(60)"), Kept::Rows);
        assert_eq!(kept("varchar(300)", "varchar(400)"), Kept::Rows);
        assert_eq!(kept("varchar(60)", "varchar(300)"), Kept::Nothing);
    }
}
