//! What SQLite's schema says about a table.

use super::definition::{Clause, TableText};
use super::tokens::mentions;
use crate::backend::mirror::PREFIX;
use crate::backend::session::{Session, TextRow, BIND};
use crate::catalogue::{Column, Index, IndexKey, KeyColumn, Table};
use crate::definition::{Dialect, TableName};
use crate::error::{Error, Obstacle, While};
use crate::plan::Context;

fn quote(name: &str) -> String {
    Dialect::Sqlite.quote(name)
}

fn word(row: &mut TextRow, i: usize) -> String {
    row.get_mut(i).and_then(Option::take).unwrap_or_default()
}

pub(super) fn create_sql(s: &mut dyn Session, name: &str) -> Result<Option<String>, Error> {
    let sql = format!(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND lower(name) = lower({BIND})"
    );
    let rows = s
        .rows(&sql, &[Some(name.to_owned())])
        .during("looking for the table")?;
    Ok(rows.into_iter().flatten().flatten().next())
}

pub(super) fn table(s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
    if name
        .schema
        .as_deref()
        .is_some_and(|schema| schema != "main")
    {
        return Err(Error::Unsupported {
            what: format!("{name}, a table of an attached database"),
            instead: "open that file as a connection of its own".to_owned(),
        });
    }
    // under its own name: the lease and the ledger know a table by it, and SQLite takes capitals for the same
    let sql = format!(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND lower(name) = lower({BIND})"
    );
    let rows = s
        .rows(&sql, &[Some(name.name.clone())])
        .during("looking for the table")?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let name = &TableName {
        schema: None,
        name: word(&mut row, 0),
    };
    let create_sql = word(&mut row, 1);
    let unreadable = |why: super::tokens::NotUnderstood| Error::Unsupported {
        what: format!("the definition of {name} with {}", why.0),
        instead: "please report it".to_owned(),
    };
    let text = TableText::parse(&create_sql).map_err(unreadable)?;
    let sql = format!(
        "SELECT name, type, CAST(\"notnull\" AS TEXT), dflt_value, CAST(pk AS TEXT) FROM pragma_table_info({BIND}) \
         ORDER BY cid"
    );
    let rows = s
        .rows(&sql, &[Some(name.name.clone())])
        .during("reading the columns")?;
    let (mut columns, mut primary_key) = (Vec::new(), Vec::new());
    for mut row in rows {
        let column = word(&mut row, 0);
        let found = text.column(&column);
        let clause = |wanted: Clause| {
            let clauses = &found?.clauses;
            let (_, start, end) = clauses.iter().find(|(clause, ..)| *clause == wanted)?;
            Some(create_sql[*start..*end].to_owned())
        };
        let place: u32 = word(&mut row, 4).parse().unwrap_or(0);
        if place > 0 {
            primary_key.push((place, column.clone()));
        }
        columns.push(Column {
            type_sql: word(&mut row, 1),
            not_null: word(&mut row, 2) == "1",
            default: row.get_mut(3).and_then(Option::take),
            collate: clause(Clause::Collate)
                .map(|collate| format!(" {collate}"))
                .unwrap_or_default(),
            extras: Vec::new(),
            sequences: Vec::new(),
            definition: found
                .map(|found| create_sql[found.start..found.end].to_owned())
                .unwrap_or_default(),
            name: column,
        });
    }
    primary_key.sort();
    let primary_key: Vec<String> = primary_key.into_iter().map(|(_, name)| name).collect();
    let cursor = cursor(s, &name.name, &columns, &primary_key)?;
    Ok(Some(Table {
        dialect: Dialect::Sqlite,
        name: name.clone(),
        id: String::new(),
        columns,
        primary_key,
        cursor,
        indexes: indexes(s, &name.name)?,
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        statistics: Vec::new(),
        estimate: None,
        create_sql,
    }))
}

// The rowid where there is one, under a name that no column has taken: a primary key may hold NULLs there.
fn cursor(
    s: &mut dyn Session,
    table: &str,
    columns: &[Column],
    primary_key: &[String],
) -> Result<Vec<KeyColumn>, Error> {
    let free = ["rowid", "_rowid_", "oid"].into_iter().find(|name| {
        !columns
            .iter()
            .any(|column| column.name.eq_ignore_ascii_case(name))
    });
    if let Some(name) = free {
        // only asking tells whether the table has one
        let sql = format!("SELECT CAST({name} AS TEXT) FROM {} LIMIT 0", quote(table));
        if s.rows(&sql, &[]).is_ok() {
            return Ok(vec![KeyColumn {
                sql: name.to_owned(),
                type_sql: "rowid".to_owned(),
            }]);
        }
    }
    let key = |name: &String| KeyColumn {
        sql: quote(name),
        type_sql: String::new(),
    };
    Ok(primary_key.iter().map(key).collect())
}

fn indexes(s: &mut dyn Session, table: &str) -> Result<Vec<Index>, Error> {
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
        let (origin, partial, text) = (
            word(&mut row, 2),
            word(&mut row, 3) == "1",
            word(&mut row, 4),
        );
        let columns = format!(
            "SELECT name, CAST(cid AS TEXT), CAST(\"desc\" AS TEXT), coll FROM pragma_index_xinfo({BIND}) \
             WHERE key = 1 ORDER BY seqno"
        );
        let rows = s
            .rows(&columns, &[Some(name.clone())])
            .during("reading an index's columns")?;
        let mut keys = Vec::new();
        let mut expression = false;
        for mut row in rows {
            let column = word(&mut row, 0);
            expression |= word(&mut row, 1) == "-2";
            let order = if word(&mut row, 2) == "1" {
                " DESC"
            } else {
                ""
            };
            let collation = word(&mut row, 3);
            keys.push(IndexKey {
                column,
                expression: None,
                typed: format!(" COLLATE {}", quote(&collation)),
                order: order.to_owned(),
            });
        }
        let problem = match origin.as_str() {
            "pk" => Some("PRIMARY KEY"),
            "u" => Some("UNIQUE constraint in the table's definition"),
            _ if expression => Some("expression index"),
            _ if partial => Some("partial index"),
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
            condition: None,
            given: None,
            // what an expression or a condition mentions is looked up in the text
            create_sql: text,
            extras: Vec::new(),
            clustered: false,
            replica_identity: false,
            problem: problem.map(str::to_owned),
        });
    }
    Ok(out)
}

pub(super) fn obstacles(s: &mut dyn Session, cx: &Context<'_>) -> Result<Vec<Obstacle>, Error> {
    let table = cx.table;
    let length = PREFIX.len();
    let sql = format!(
        "SELECT type, name, sql FROM sqlite_master \
         WHERE (type IN ('view', 'trigger') AND substr(name, 1, {length}) <> '{PREFIX}') \
         OR (type = 'table' AND lower(name) <> lower({BIND}) AND lower(sql) LIKE '%references%')"
    );
    let objects = s
        .rows(&sql, &[Some(table.name.name.clone())])
        .during("looking for views and triggers")?;
    let text = TableText::parse(&table.create_sql).map_err(|why| Error::Unexpected {
        what: format!("the definition of {}: {}", table.name, why.0),
    })?;
    let mut out = Vec::new();
    for change in cx.changes {
        let column = change.from;
        let mut add = |kind: &str, name: &str| {
            let obstacle = Obstacle::new(column, kind, name);
            if !out.contains(&obstacle) {
                out.push(obstacle);
            }
        };
        for index in &table.indexes {
            let covered = index.covers(column, table.dialect);
            let in_text = matches!(
                index.problem.as_deref(),
                Some("expression index" | "partial index")
            ) && mentions(&index.create_sql, column);
            if let (true, Some(problem)) = (covered || in_text, &index.problem) {
                add(problem, &index.name);
            }
        }
        if let Some(found) = text.column(column) {
            for (clause, ..) in &found.clauses {
                match clause {
                    Clause::PrimaryKey => add("PRIMARY KEY", column),
                    Clause::Unique => add("UNIQUE constraint in the table's definition", column),
                    Clause::Check => add("CHECK constraint", column),
                    Clause::References => add("foreign key", column),
                    Clause::Generated => add("generated column", column),
                    Clause::NotNull | Clause::Null | Clause::Default | Clause::Collate => {}
                }
            }
        }
        for constraint in text
            .constraints
            .iter()
            .filter(|text| mentions(text, column))
        {
            add("table constraint", constraint);
        }
        for other in &text.columns {
            if other.name.eq_ignore_ascii_case(column) {
                continue;
            }
            for (clause, start, end) in &other.clauses {
                let sql = &table.create_sql[*start..*end];
                if matches!(clause, Clause::Generated | Clause::Check) && mentions(sql, column) {
                    add("generated column or CHECK", &other.name);
                }
            }
        }
        for object in &objects {
            let mut object = object.clone();
            let (kind, name, sql) = (
                word(&mut object, 0),
                word(&mut object, 1),
                word(&mut object, 2),
            );
            // a view or trigger of other tables may use the same word for another column
            if !mentions(&sql, column) || !mentions(&sql, &table.name.name) {
                continue;
            }
            match kind.as_str() {
                "table" if references(&sql, &table.name.name, column) => {
                    add("foreign key to the column", &name);
                }
                "table" => {}
                kind => add(kind, &name),
            }
        }
    }
    Ok(out)
}

// Whether a foreign key of another table's definition names the column of this table.
fn references(sql: &str, table: &str, column: &str) -> bool {
    let Ok(text) = TableText::parse(sql) else {
        return true;
    };
    let clauses = text.columns.iter().flat_map(|column| {
        let references = column.clauses.iter();
        references.filter(|(clause, ..)| *clause == Clause::References)
    });
    let in_columns = clauses.map(|(_, start, end)| sql[*start..*end].to_owned());
    in_columns
        .chain(text.constraints.iter().cloned())
        .filter_map(|clause| {
            let at = clause.to_ascii_lowercase().find("references")?;
            Some(clause[at..].to_owned())
        })
        .any(|clause| mentions(&clause, table) && mentions(&clause, column))
}
