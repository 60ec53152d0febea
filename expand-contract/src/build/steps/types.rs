//! The database types behind Diesel's, by the names that `table!` has for them.

use crate::ddl_names::{DdlNames, NAMES};
use crate::definition::Dialect;

const NONE: DdlNames = DdlNames {
    postgres: None,
    sqlite: None,
};

/// `Nullable<…>`, whatever the path before it.
pub(super) fn is_nullable(ty: &str) -> bool {
    generic(ty).is_some_and(|(name, _)| name == "Nullable")
}

/// What `DdlType` says of the type: what a new column gets.
pub(super) fn declared(ty: &str) -> DdlNames {
    let ty = value(ty);
    let name = last(ty);
    let known = NAMES.iter().find(|(known, _)| *known == name);
    known.map_or(NONE, |(_, names)| *names)
}

/// The type of a column that Diesel's CLI has read from a database, as that database spells it; none of a type that only the
/// project knows.
pub(super) fn existing((ty, max_length): (&str, Option<&str>), dialect: Dialect) -> Option<String> {
    let ty = value(ty);
    if let Some((name, inner)) = generic(ty) {
        let is_array = name == "Array" && dialect == Dialect::Postgres;
        return match is_array {
            true => Some(format!("{}[]", existing((inner, None), dialect)?)),
            false => None,
        };
    }
    let name = last(ty);
    if dialect == Dialect::Sqlite {
        let names = NAMES.iter().find(|(known, _)| *known == name)?.1;
        return names.sqlite.map(str::to_owned);
    }
    let limited = |name: &str| match max_length {
        Some(length) => format!("{name}({length})"),
        None => name.to_owned(),
    };
    // as format_type() spells them
    Some(match name {
        "Varchar" | "VarChar" => limited("character varying"),
        "Bpchar" => limited("character"),
        "Text" if max_length.is_some() => limited("character varying"),
        "Time" => "time without time zone".to_owned(),
        "Timestamp" => "timestamp without time zone".to_owned(),
        "Timestamptz" => "timestamp with time zone".to_owned(),
        "Json" => "json".to_owned(),
        "CChar" => "\"char\"".to_owned(),
        "Inet" => "inet".to_owned(),
        _ => NAMES
            .iter()
            .find(|(known, _)| *known == name)?
            .1
            .postgres?
            .to_owned(),
    })
}

/// The type of the values.
fn value(ty: &str) -> &str {
    match generic(ty) {
        Some(("Nullable", inner)) => inner,
        _ => ty,
    }
}

fn last(ty: &str) -> &str {
    ty.rsplit("::").next().unwrap_or(ty)
}

/// `a::Name<Inner>`.
fn generic(ty: &str) -> Option<(&str, &str)> {
    let (path, rest) = ty.split_once('<')?;
    Some((last(path), rest.strip_suffix('>')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_the_last_part_of_its_path() {
        for (ty, length, postgres, sqlite) in [
            ("Text", None, Some("text"), Some("TEXT")),
            ("Nullable<Text>", None, Some("text"), Some("TEXT")),
            (
                "diesel::sql_types::Nullable<diesel::sql_types::Int4>",
                None,
                Some("integer"),
                Some("INTEGER"),
            ),
            (
                "Varchar",
                Some("20"),
                Some("character varying(20)"),
                Some("TEXT"),
            ),
            ("Array<Nullable<Int8>>", None, Some("bigint[]"), None),
            (
                "Timestamp",
                None,
                Some("timestamp without time zone"),
                Some("TIMESTAMP"),
            ),
            ("crate::schema::sql_types::Mood", None, None, None),
        ] {
            let known = |dialect| existing((ty, length), dialect);
            assert_eq!(known(Dialect::Postgres).as_deref(), postgres, "{ty}");
            assert_eq!(known(Dialect::Sqlite).as_deref(), sqlite, "{ty}");
        }
        assert_eq!(declared("Nullable<Timestamp>").postgres, Some("timestamp"));
        assert!(is_nullable("sql_types::Nullable<Text>"));
        assert!(!is_nullable("Array<Nullable<Text>>"));
    }
}
