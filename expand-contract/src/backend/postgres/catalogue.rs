//! What PostgreSQL's catalogues say about a table.

use super::one;
use super::rules::Postgres;
use crate::backend::mirror::PREFIX;
use crate::backend::rules::Rules;
use crate::backend::session::{Session, TextRow, BIND};
use crate::catalogue::{Column, Extra, Index, IndexKey, KeyColumn, Table};
use crate::definition::{Dialect, TableName};
use crate::error::{Error, Obstacle, While};
use crate::text::mentions_word;

fn quote(name: &str) -> String {
    Dialect::Postgres.quote(name)
}

fn cell(row: &mut TextRow, i: usize) -> Option<String> {
    row.get_mut(i).and_then(Option::take)
}

fn word(row: &mut TextRow, i: usize) -> String {
    cell(row, i).unwrap_or_default()
}

fn flag(row: &mut TextRow, i: usize) -> bool {
    cell(row, i).as_deref() == Some("true")
}

pub(super) fn table(s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
    // to_regclass resolves as the application's statements do, by the search path
    let sql = format!(
        "SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition::text, \
         (EXISTS (SELECT 1 FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)))::text, \
         (CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END)::text \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass({BIND})"
    );
    let rows = s
        .rows(&sql, &[Some(name.quoted(Dialect::Postgres))])
        .during("looking for the table")?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let id = word(&mut row, 0);
    let name = TableName {
        schema: cell(&mut row, 1),
        name: word(&mut row, 2),
    };
    let (kind, partition, inherits) = (word(&mut row, 3), flag(&mut row, 4), flag(&mut row, 5));
    if kind != "r" || partition || inherits {
        return Err(Error::Unsupported {
            what: format!("{name}, which is not an ordinary table on its own"),
            instead:
                "partitions, inheritance, views and foreign tables are left for a later release"
                    .to_owned(),
        });
    }
    let estimate = cell(&mut row, 6).and_then(|n| n.parse().ok());
    let columns = columns(s, &id, &name)?;
    let primary_key = primary_key(s, &id)?;
    let cursor = primary_key
        .iter()
        .filter_map(|key| columns.iter().find(|column| column.name == *key))
        .map(|column| KeyColumn {
            sql: quote(&column.name),
            type_sql: column.type_sql.clone(),
        })
        .collect();
    let indexes = indexes(s, &id)?;
    Ok(Some(Table {
        dialect: Dialect::Postgres,
        name,
        id,
        columns,
        primary_key,
        cursor,
        indexes,
        estimate,
        create_sql: String::new(),
    }))
}

fn columns(s: &mut dyn Session, id: &str, table: &TableName) -> Result<Vec<Column>, Error> {
    let sql = format!(
        "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, \
         CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END, \
         CASE WHEN a.attcollation <> t.typcollation THEN quote_ident(cn.nspname) || '.' || quote_ident(co.collname) END, \
         col_description(a.attrelid, a.attnum), \
         CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END, \
         CASE WHEN a.attstorage <> t.typstorage THEN \
           CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         LEFT JOIN pg_collation co ON co.oid = a.attcollation \
         LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace \
         WHERE a.attrelid = ({BIND}::text)::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the columns")?;
    let grants = grants(s, id)?;
    let quoted = table.quoted(Dialect::Postgres);
    let mut out = Vec::new();
    for mut row in rows {
        let name = word(&mut row, 0);
        let mut extras = Vec::new();
        if let Some(comment) = cell(&mut row, 5) {
            extras.push(Extra {
                before: format!("COMMENT ON COLUMN {quoted}."),
                after: format!(" IS {}", Postgres.literal(&comment)),
                same_type: false,
            });
        }
        let alter = format!("ALTER TABLE {quoted} ALTER COLUMN ");
        if let Some(target) = cell(&mut row, 6) {
            extras.push(Extra {
                before: alter.clone(),
                after: format!(" SET STATISTICS {target}"),
                same_type: false,
            });
        }
        if let Some(storage) = cell(&mut row, 7) {
            extras.push(Extra {
                before: alter,
                after: format!(" SET STORAGE {storage}"),
                same_type: true,
            });
        }
        for (_, privilege, role, option) in grants.iter().filter(|grant| grant.0 == name) {
            extras.push(Extra {
                before: format!("GRANT {privilege} ("),
                after: format!(") ON {quoted} TO {role}{option}"),
                same_type: false,
            });
        }
        out.push(Column {
            name,
            type_sql: word(&mut row, 1),
            not_null: flag(&mut row, 2),
            default: cell(&mut row, 3),
            collate: cell(&mut row, 4)
                .map(|collation| format!(" COLLATE {collation}"))
                .unwrap_or_default(),
            extras,
            definition: String::new(),
        });
    }
    Ok(out)
}

type Grant = (String, String, String, &'static str);

fn grants(s: &mut dyn Session, id: &str) -> Result<Vec<Grant>, Error> {
    let sql = format!(
        "SELECT a.attname::text, x.privilege_type, \
         CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END, \
         x.is_grantable::text FROM pg_attribute a, aclexplode(a.attacl) x \
         WHERE a.attrelid = ({BIND}::text)::oid AND a.attnum > 0 AND NOT a.attisdropped"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading column privileges")?;
    let grant = |mut row: TextRow| {
        let option = if flag(&mut row, 3) {
            " WITH GRANT OPTION"
        } else {
            ""
        };
        (
            word(&mut row, 0),
            word(&mut row, 1),
            word(&mut row, 2),
            option,
        )
    };
    Ok(rows.into_iter().map(grant).collect())
}

fn primary_key(s: &mut dyn Session, id: &str) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT a.attname::text FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n) \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
         WHERE i.indrelid = ({BIND}::text)::oid AND i.indisprimary AND k.n <= i.indnkeyatts ORDER BY k.n"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the primary key")?;
    Ok(rows.into_iter().flatten().flatten().collect())
}

fn indexes(s: &mut dyn Session, id: &str) -> Result<Vec<Index>, Error> {
    // NULLS NOT DISTINCT is new in 15: read through json, which has the key or has it not
    let sql = format!(
        "SELECT c.relname::text, i.indisunique::text, i.indisvalid::text, i.indisprimary::text, \
         (con.oid IS NOT NULL)::text, (coalesce(con.condeferrable, false))::text, \
         (coalesce(con.condeferred, false))::text, am.amname::text, (i.indpred IS NOT NULL)::text, \
         (i.indexprs IS NOT NULL)::text, array_to_string(c.reloptions, ', '), ts.spcname::text, \
         coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false'), i.indexrelid::text, i.indisexclusion::text, i.indisreplident::text \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam \
         LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.contype IN ('u', 'p', 'x') \
         LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace \
         WHERE i.indrelid = ({BIND}::text)::oid ORDER BY c.relname"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the indexes")?;
    let mut out = Vec::new();
    for mut row in rows {
        let name = word(&mut row, 0);
        let (primary, exclusion) = (flag(&mut row, 3), flag(&mut row, 14));
        let constraint = flag(&mut row, 4).then(|| {
            match (flag(&mut row, 5), flag(&mut row, 6)) {
                (true, true) => " DEFERRABLE INITIALLY DEFERRED",
                (true, false) => " DEFERRABLE",
                _ => "",
            }
            .to_owned()
        });
        let method = word(&mut row, 7);
        let problem = if primary {
            Some("primary key")
        } else if exclusion {
            Some("exclusion constraint")
        } else if flag(&mut row, 15) {
            Some("replica identity index")
        } else if flag(&mut row, 9) {
            Some("expression index")
        } else if flag(&mut row, 8) {
            Some("partial index")
        } else if method != "btree" {
            Some("index of another kind than btree")
        } else {
            None
        };
        let mut suffix = String::new();
        if flag(&mut row, 12) {
            suffix.push_str(" NULLS NOT DISTINCT");
        }
        if let Some(options) = cell(&mut row, 10) {
            suffix.push_str(&format!(" WITH ({options})"));
        }
        if let Some(space) = cell(&mut row, 11) {
            suffix.push_str(&format!(" TABLESPACE {}", quote(&space)));
        }
        let (keys, included) = index_columns(s, &word(&mut row, 13))?;
        out.push(Index {
            name,
            unique: flag(&mut row, 1),
            valid: flag(&mut row, 2),
            constraint,
            method: format!("USING {} ", quote(&method)),
            keys,
            included,
            suffix,
            problem: problem.map(str::to_owned),
        });
    }
    Ok(out)
}

fn index_columns(s: &mut dyn Session, id: &str) -> Result<(Vec<IndexKey>, Vec<String>), Error> {
    let sql = format!(
        "SELECT a.attname::text, (k.n > i.indnkeyatts)::text, \
         CASE WHEN NOT oc.opcdefault THEN quote_ident(ocn.nspname) || '.' || quote_ident(oc.opcname) END, \
         CASE WHEN coll.oid IS NOT NULL AND i.indcollation[k.n - 1] <> a.attcollation \
           THEN quote_ident(colln.nspname) || '.' || quote_ident(coll.collname) END, \
         i.indoption[k.n - 1]::text \
         FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n) \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
         LEFT JOIN pg_opclass oc ON oc.oid = i.indclass[k.n - 1] \
         LEFT JOIN pg_namespace ocn ON ocn.oid = oc.opcnamespace \
         LEFT JOIN pg_collation coll ON coll.oid = i.indcollation[k.n - 1] \
         LEFT JOIN pg_namespace colln ON colln.oid = coll.collnamespace \
         WHERE i.indexrelid = ({BIND}::text)::oid AND k.attnum > 0 ORDER BY k.n"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading an index's columns")?;
    let (mut keys, mut included) = (Vec::new(), Vec::new());
    for mut row in rows {
        let column = word(&mut row, 0);
        if flag(&mut row, 1) {
            included.push(column);
            continue;
        }
        let mut typed = String::new();
        if let Some(collation) = cell(&mut row, 3) {
            typed.push_str(&format!(" COLLATE {collation}"));
        }
        if let Some(class) = cell(&mut row, 2) {
            typed.push_str(&format!(" {class}"));
        }
        let order = match cell(&mut row, 4).as_deref() {
            Some("1") => " DESC NULLS LAST",
            Some("2") => " NULLS FIRST",
            Some("3") => " DESC",
            _ => "",
        };
        keys.push(IndexKey {
            column,
            typed,
            order: order.to_owned(),
        });
    }
    Ok((keys, included))
}

pub(super) fn obstacles(
    s: &mut dyn Session,
    table: &Table,
    columns: &[(&str, bool)],
) -> Result<Vec<Obstacle>, Error> {
    let mut out = Vec::new();
    for (column, _retype) in columns {
        let mut add = |kind: &str, name: String| {
            let obstacle = Obstacle {
                column: (*column).to_owned(),
                kind: kind.to_owned(),
                name,
            };
            if !out.contains(&obstacle) {
                out.push(obstacle);
            }
        };
        for index in &table.indexes {
            if let (true, Some(problem)) = (index.covers(column, table.dialect), &index.problem) {
                add(problem, index.name.clone());
            }
        }
        dependents(s, table, column, &mut add)?;
        identity(s, table, column, &mut add)?;
        triggers(s, table, column, &mut add)?;
    }
    Ok(out)
}

// Everything that the server itself knows to depend on the column.
fn dependents(
    s: &mut dyn Session,
    table: &Table,
    column: &str,
    add: &mut dyn FnMut(&str, String),
) -> Result<(), Error> {
    let sql = format!(
        "SELECT d.classid::regclass::text, pg_describe_object(d.classid, d.objid, d.objsubid), \
         coalesce(con.contype::text, ''), coalesce(ic.relkind::text, ''), \
         (ad.adnum = a.attnum)::text, coalesce(con.conname::text, ic.relname::text, tg.tgname::text, ''), d.deptype::text \
         FROM pg_attribute a JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid \
           AND d.refobjsubid = a.attnum \
         LEFT JOIN pg_constraint con ON d.classid = 'pg_constraint'::regclass AND con.oid = d.objid \
         LEFT JOIN pg_class ic ON d.classid = 'pg_class'::regclass AND ic.oid = d.objid \
         LEFT JOIN pg_attrdef ad ON d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid \
         LEFT JOIN pg_trigger tg ON d.classid = 'pg_trigger'::regclass AND tg.oid = d.objid \
         WHERE a.attrelid = ({BIND}::text)::oid AND a.attname = {BIND} \
         UNION ALL \
         SELECT 'pg_constraint', conname, 'i', '', 'false', conname, 'n' FROM pg_constraint, pg_attribute a \
         WHERE contype = 'f' AND confrelid = a.attrelid AND a.attnum = ANY (confkey) \
         AND a.attrelid = ({BIND}::text)::oid AND a.attname = {BIND}"
    );
    let binds = [
        Some(table.id.clone()),
        Some(column.to_owned()),
        Some(table.id.clone()),
        Some(column.to_owned()),
    ];
    let rows = s
        .rows(&sql, &binds)
        .during("looking for objects that depend on the column")?;
    for mut row in rows {
        let (class, text, constraint, relation) = (
            word(&mut row, 0),
            word(&mut row, 1),
            word(&mut row, 2),
            word(&mut row, 3),
        );
        let (own_default, name) = (flag(&mut row, 4), word(&mut row, 5));
        let named = if name.is_empty() { text } else { name };
        match (class.as_str(), constraint.as_str(), relation.as_str()) {
            // left by a step that was interrupted
            ("pg_constraint", "c", _) if named == super::rules::check_name(table, column) => {}
            ("pg_constraint", "c", _) => add("CHECK constraint", named),
            ("pg_constraint", "f", _) => add("foreign key", named),
            ("pg_constraint", "i", _) => add("foreign key to the column", named),
            // their indexes were looked at
            ("pg_constraint", "u" | "p" | "x", _) => {}
            // also where an expression or a condition names the column
            ("pg_class", _, "i") => {
                let index = table.index(&named);
                if let Some(problem) = index.and_then(|index| index.problem.as_deref()) {
                    add(problem, named);
                }
            }
            ("pg_class", _, "S") => add("sequence owned by the column", named),
            ("pg_attrdef", ..) if own_default => {}
            ("pg_attrdef", ..) => add("generated column", named),
            ("pg_rewrite", ..) => add("view or rule", named),
            ("pg_policy", ..) => add("policy", named),
            ("pg_trigger", ..) if named.starts_with(PREFIX) => {}
            ("pg_trigger", ..) => add("trigger", named),
            ("pg_publication_rel", ..) => add("publication's column list", named),
            ("pg_statistic_ext", ..) => add("extended statistics", named),
            ("pg_proc", ..) => add("function", named),
            _ => add("dependent object", named),
        }
    }
    Ok(())
}

fn identity(
    s: &mut dyn Session,
    table: &Table,
    column: &str,
    add: &mut dyn FnMut(&str, String),
) -> Result<(), Error> {
    let sql = format!(
        "SELECT CASE WHEN attidentity <> '' THEN 'identity column' ELSE 'generated column' END \
         FROM pg_attribute WHERE attrelid = ({BIND}::text)::oid AND attname = {BIND} \
         AND (attidentity <> '' OR attgenerated <> '')"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone()), Some(column.to_owned())])
        .during("looking at the column")?;
    if let Some(kind) = one(rows) {
        add(&kind, column.to_owned());
    }
    Ok(())
}

// Function bodies and arguments are text to the server: the column's name as a word is enough to refuse. (An OF list and a
// WHEN clause it knows itself.)
fn triggers(
    s: &mut dyn Session,
    table: &Table,
    column: &str,
    add: &mut dyn FnMut(&str, String),
) -> Result<(), Error> {
    let sql = format!(
        "SELECT t.tgname::text, p.prosrc || ' ' || replace(encode(t.tgargs, 'escape'), '\\000', ' ') \
         FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid \
         WHERE t.tgrelid = ({BIND}::text)::oid AND NOT t.tgisinternal"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking at the triggers")?;
    for mut row in rows {
        let (name, source) = (word(&mut row, 0), word(&mut row, 1));
        if !name.starts_with(PREFIX) && mentions_word(&source, column) {
            add("trigger", name);
        }
    }
    Ok(())
}

pub(super) fn privileges(s: &mut dyn Session, table: &Table, ledger: bool) -> Result<(), Error> {
    let sql = format!(
        "SELECT pg_has_role(current_user, c.relowner, 'USAGE')::text, quote_ident(pg_get_userbyid(c.relowner)), \
         has_schema_privilege(c.relnamespace, 'CREATE')::text, quote_ident(n.nspname), quote_ident(current_user), \
         has_database_privilege(current_database(), 'CREATE')::text, quote_ident(current_database()), \
         coalesce((SELECT pg_has_role(current_user, l.nspowner, 'USAGE') FROM pg_namespace l \
           WHERE l.nspname = 'expand_contract'), true)::text \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ({BIND}::text)::oid"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking at privileges")?;
    let Some(mut row) = rows.into_iter().next() else {
        return Err(Error::TableNotFound {
            table: table.name.to_string(),
        });
    };
    let refuse = |what: String, grant: String| Err(Error::Privilege { what, grant });
    let me = word(&mut row, 4);
    if !flag(&mut row, 0) {
        let owner = word(&mut row, 1);
        return refuse(
            format!("alter {}, which belongs to {owner}", table.name),
            format!("GRANT {owner} TO {me}"),
        );
    }
    if !flag(&mut row, 2) {
        let schema = word(&mut row, 3);
        return refuse(
            format!("create indexes in schema {schema}"),
            format!("GRANT CREATE ON SCHEMA {schema} TO {me}"),
        );
    }
    if !ledger && !flag(&mut row, 5) {
        let database = word(&mut row, 6);
        return refuse(
            "create the schema of the ledger".to_owned(),
            format!("GRANT CREATE ON DATABASE {database} TO {me}"),
        );
    }
    if ledger && !flag(&mut row, 7) {
        return refuse(
            "write to the ledger".to_owned(),
            format!("GRANT <owner of schema expand_contract> TO {me}"),
        );
    }
    Ok(())
}
