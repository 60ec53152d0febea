//! What SQLite's schema says about a table.

use super::definition::{check_of, Clause, TableText};
use super::indexes::indexes;
use super::tokens::mentions;
use crate::backend::mirror::PREFIX;
use crate::backend::session::{Session, TextRow, BIND};
use crate::catalogue::{Check, Column, Expr, KeyColumn, Table};
use crate::definition::{Dialect, TableName};
use crate::error::{Error, Obstacle, While};
use crate::plan::Context;

fn quote(name: &str) -> String {
    Dialect::Sqlite.quote(name)
}

pub(super) fn word(row: &mut TextRow, i: usize) -> String {
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

/// The table with all that is on it.
pub(super) fn table(s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
    let Some((mut table, text)) = read(s, name)? else {
        return Ok(None);
    };
    let columns = table.columns.iter();
    let names: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
    let indexes = indexes(s, &table.name.name, &names)?;
    let checks = checks(&text, &table.create_sql, &names);
    let estimate = estimate(s, &table.name.name)?;
    (table.indexes, table.checks, table.estimate) = (indexes, checks, estimate);
    Ok(Some(table))
}

/// See [`crate::backend::driver::Driver::columns`].
pub(super) fn columns_only(s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
    Ok(read(s, name)?.map(|(table, _)| table))
}

fn read(s: &mut dyn Session, name: &TableName) -> Result<Option<(Table, TableText)>, Error> {
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
            not_null_as: None,
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
    let table = Table {
        dialect: Dialect::Sqlite,
        name: name.clone(),
        id: String::new(),
        columns,
        primary_key,
        cursor,
        indexes: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        statistics: Vec::new(),
        partitions: None,
        estimate: None,
        create_sql,
    };
    Ok(Some((table, text)))
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

// Those in the definitions of columns. One without a name goes by its text.
fn checks(text: &TableText, create_sql: &str, names: &[&str]) -> Vec<Check> {
    let mut out = Vec::new();
    for column in &text.columns {
        for (_, start, end) in column.clauses.iter().filter(|(c, ..)| *c == Clause::Check) {
            let clause = &create_sql[*start..*end];
            let Some((name, condition)) = check_of(clause) else {
                continue;
            };
            out.push(Check {
                named: name.is_some(),
                name: name.unwrap_or_else(|| clause.to_owned()),
                condition: Expr::written(condition, names),
                validated: true,
                enforced: true,
                suffix: String::new(),
                comment: None,
                column: Some(column.name.clone()),
            });
        }
    }
    out
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
            if let (true, Some(problem)) = (index.covers(column, table.dialect), &index.problem) {
                add(problem, &index.name);
            }
        }
        if let Some(found) = text.column(column) {
            for (clause, ..) in &found.clauses {
                match clause {
                    Clause::PrimaryKey => add("PRIMARY KEY", column),
                    Clause::Unique => add("UNIQUE constraint in the table's definition", column),
                    // carried
                    Clause::Check => {}
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
            // what the new one has, `retire` has made
            let own = |name: &str| other.name.eq_ignore_ascii_case(name);
            if own(column) || cx.changes.iter().any(|change| own(change.to)) {
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

// what ANALYZE has counted, if it ever ran: each line of statistics begins with the number of rows
fn estimate(s: &mut dyn Session, name: &str) -> Result<Option<u64>, Error> {
    let context = "looking for statistics";
    let sql = "SELECT 'x' FROM sqlite_master WHERE name = 'sqlite_stat1'";
    if s.rows(sql, &[]).during(context)?.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT CAST(max(CAST(stat AS integer)) AS text) FROM sqlite_stat1 WHERE lower(tbl) = lower({BIND})"
    );
    let rows = s.rows(&sql, &[Some(name.to_owned())]).during(context)?;
    let rows = rows.into_iter().flatten().flatten().next();
    Ok(rows.and_then(|rows| rows.parse().ok()))
}

/// Those of the library's triggers that are not on the table.
pub(super) fn missing_triggers(
    s: &mut dyn Session,
    table: &Table,
    triggers: &[String],
) -> Result<Vec<String>, Error> {
    let master = match &table.name.schema {
        Some(schema) => format!("{}.sqlite_master", table.dialect.quote(schema)),
        None => "sqlite_master".to_owned(),
    };
    let sql = format!(
        "SELECT name FROM {master} WHERE type = 'trigger' AND lower(tbl_name) = lower({BIND})"
    );
    let rows = s
        .rows(&sql, &[Some(table.name.name.clone())])
        .during("looking for the triggers of the safety net")?;
    let found: Vec<String> = rows.into_iter().flatten().flatten().collect();
    let missing = triggers.iter().filter(|name| !found.contains(name));
    Ok(missing.cloned().collect())
}
