//! Indexes, as far as they can be read.

use super::catalogue::word;
use super::tokens::{tokens, Token};
use crate::backend::session::{Session, BIND};
use crate::catalogue::{Expr, Index, IndexKey};
use crate::definition::Dialect;
use crate::error::{Error, While};

/// A `CREATE INDEX` text: the items of its list without collation and order, and its condition.
#[derive(Debug, PartialEq, Eq)]
struct IndexText {
    items: Vec<String>,
    condition: Option<String>,
}

impl IndexText {
    fn parse(sql: &str) -> Option<Self> {
        let tokens = tokens(sql).ok()?;
        let open = tokens.iter().position(|token| token.punct('('))?;
        let (mut items, mut depth, mut first) = (Vec::new(), 0_u32, open + 1);
        for (i, token) in tokens.iter().enumerate().skip(open) {
            match token {
                token if token.punct('(') => depth += 1,
                token if token.punct(')') => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 || (depth == 1 && token.punct(',')) {
                items.push(item(sql, tokens.get(first..i)?)?);
                first = i + 1;
            }
            if depth == 0 {
                let condition = match tokens.get(first) {
                    None => None,
                    Some(token) if token.is("WHERE") => {
                        let (from, to) = (tokens.get(first + 1)?, tokens.last()?);
                        Some(sql.get(from.start..to.end)?.to_owned())
                    }
                    Some(_) => return None,
                };
                return Some(IndexText { items, condition });
            }
        }
        None
    }
}

fn item(sql: &str, mut tokens: &[Token]) -> Option<String> {
    while let [rest @ .., last] = tokens {
        let collate = rest.last().is_some_and(|token| token.is("COLLATE"));
        if last.is("ASC") || last.is("DESC") {
            tokens = rest;
        } else if collate {
            tokens = &rest[..rest.len() - 1];
        } else {
            break;
        }
    }
    let (first, last) = (tokens.first()?, tokens.last()?);
    Some(sql[first.start..last.end].to_owned())
}

pub(super) fn indexes(
    s: &mut dyn Session,
    table: &str,
    columns: &[&str],
) -> Result<Vec<Index>, Error> {
    let sql = format!(
        "SELECT l.name, CAST(l.\"unique\" AS TEXT), l.origin, CAST(l.partial AS TEXT), \
         coalesce((SELECT sql FROM sqlite_master m WHERE m.type = 'index' AND m.name = l.name), '') \
         FROM pragma_index_list({BIND}) l ORDER BY l.name"
    );
    let rows = s
        .rows(&sql, &[Some(table.to_owned())])
        .during("reading the indexes")?;
    let mut out = Vec::new();
    for mut row in rows {
        let name = word(&mut row, 0);
        let unique = word(&mut row, 1) == "1";
        let origin = word(&mut row, 2);
        let partial = word(&mut row, 3) == "1";
        let create_sql = word(&mut row, 4);
        let text = IndexText::parse(&create_sql);
        let keys = keys(s, &name, text.as_ref(), columns)?;
        let expression = keys.iter().any(|key| key.column.is_empty());
        let condition = text.as_ref().and_then(|text| text.condition.as_ref());
        let condition = condition.map(|condition| Expr::written(condition, columns));
        let unread =
            (expression && keys.iter().any(IndexKey::is_unread)) || partial != condition.is_some();
        let problem = match origin.as_str() {
            "pk" => Some("PRIMARY KEY"),
            "u" => Some("UNIQUE constraint in the table's definition"),
            _ if unread => Some("index that cannot be read"),
            _ => None,
        };
        out.push(Index {
            name,
            unique,
            primary: false,
            valid: true,
            constraint: None,
            method: String::new(),
            keys,
            included: Vec::new(),
            nulls_not_distinct: false,
            storage: String::new(),
            tablespace: String::new(),
            // of one that cannot be read any column may be in it
            condition: condition.or_else(|| unread.then(|| Expr::written("'", columns))),
            given: None,
            create_sql,
            extras: Vec::new(),
            clustered: false,
            replica_identity: false,
            parts: Vec::new(),
            problem: problem.map(str::to_owned),
        });
    }
    Ok(out)
}

fn keys(
    s: &mut dyn Session,
    index: &str,
    text: Option<&IndexText>,
    columns: &[&str],
) -> Result<Vec<IndexKey>, Error> {
    let sql = format!(
        "SELECT name, CAST(cid AS TEXT), CAST(\"desc\" AS TEXT), coll FROM pragma_index_xinfo({BIND}) \
         WHERE key = 1 ORDER BY seqno"
    );
    let rows = s
        .rows(&sql, &[Some(index.to_owned())])
        .during("reading an index's columns")?;
    let mut out = Vec::new();
    for (place, mut row) in rows.into_iter().enumerate() {
        let column = word(&mut row, 0);
        let expression = word(&mut row, 1) == "-2";
        let order = match word(&mut row, 2).as_str() {
            "1" => " DESC",
            _ => "",
        };
        let collation = word(&mut row, 3);
        let item = text.and_then(|text| text.items.get(place));
        let item = item.filter(|_| expression);
        out.push(IndexKey {
            column,
            expression: item.map(|item| Expr::written(item, columns)),
            // an expression has its own
            typed: match expression && collation.eq_ignore_ascii_case("BINARY") {
                true => String::new(),
                false => format!(" COLLATE {}", Dialect::Sqlite.quote(&collation)),
            },
            order: order.to_owned(),
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::IndexText;

    #[test]
    fn items_and_condition() {
        let text = IndexText::parse(
            "CREATE UNIQUE INDEX \"a (\" ON t (a, lower(b || ',') COLLATE NOCASE DESC, (c) ASC) -- (\n WHERE a <> ')' AND b -- c",
        );
        let wanted = IndexText {
            items: ["a", "lower(b || ',')", "(c)"].map(str::to_owned).to_vec(),
            condition: Some("a <> ')' AND b".to_owned()),
        };
        assert_eq!(text, Some(wanted));
        assert_eq!(IndexText::parse("CREATE INDEX a ON t (a"), None);
        assert_eq!(IndexText::parse(""), None);
    }
}
