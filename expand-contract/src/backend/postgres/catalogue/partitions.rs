//! Partitions: what the table's statements reach, and what is otherwise on them than on the table.

use super::{cell, flag, word};
use crate::backend::mirror::PREFIX;
use crate::backend::postgres::has_options;
use crate::backend::session::{Session, BIND};
use crate::catalogue::{Index, Part, PartKey, Partition, Source, Table};
use crate::definition::{Conversion, TableName};
use crate::error::{Error, Obstacle, While};
use crate::plan::cost::Size;
use crate::plan::{Active, Context};

/// Why nothing can be done about a partition that is elsewhere.
pub(super) const FOREIGN: &str = "partition that is a foreign table";

/// Partitions of all levels, each with what it is one of. Binds the table.
fn tree() -> String {
    format!(
        "WITH RECURSIVE tree (parent, id, pending) AS (SELECT inhparent, inhrelid, inhdetachpending FROM pg_inherits \
         WHERE inhparent = ({BIND}::text)::oid UNION ALL SELECT i.inhparent, i.inhrelid, i.inhdetachpending \
         FROM pg_inherits i JOIN tree t ON t.id = i.inhparent)"
    )
}

/// With the table's indexes and all that are parts of them, each with the one of the table's. Binds the table twice.
fn trees() -> String {
    format!(
        "{}, indexes (id, root) AS (SELECT indexrelid, indexrelid FROM pg_index WHERE indrelid = ({BIND}::text)::oid \
         UNION ALL SELECT i.inhrelid, x.root FROM pg_inherits i JOIN indexes x ON x.id = i.inhparent)",
        tree()
    )
}

/// The partitions of all levels, in the order in which the server locks them.
pub(super) fn partitions(
    s: &mut dyn Session,
    id: &str,
    table: &TableName,
) -> Result<Vec<Partition>, Error> {
    // of one that was never analysed only this much is known, that it has no block
    let sql = format!(
        "{} SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, i.pending::text, \
         (CASE WHEN c.relkind = 'p' THEN 0 WHEN c.reltuples >= 0 THEN c.reltuples::bigint \
           WHEN c.relkind = 'r' AND pg_relation_size(c.oid) = 0 THEN 0 END)::text, \
         (c.relpages::bigint * current_setting('block_size')::bigint)::text, i.parent::text \
         FROM tree i JOIN pg_class c ON c.oid = i.id JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid",
        tree()
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the partitions")?;
    let mut out = Vec::new();
    for mut row in rows {
        let name = TableName {
            schema: cell(&mut row, 1),
            name: word(&mut row, 2),
        };
        let kind = word(&mut row, 3);
        let problem = match kind.as_str() {
            "f" => Some(FOREIGN),
            _ if flag(&mut row, 4) => Some("partition whose DETACH is not finished"),
            // its indexes would be in that schema
            _ if name.schema != table.schema => Some("partition in another schema"),
            _ => None,
        };
        out.push(Partition {
            id: word(&mut row, 0),
            size: Size {
                rows: cell(&mut row, 5).and_then(|rows| rows.parse().ok()),
                bytes: cell(&mut row, 6).and_then(|bytes| bytes.parse().ok()),
            },
            parent: cell(&mut row, 7).filter(|parent| parent != id),
            partitioned: kind == "p",
            loose: Vec::new(),
            targets: Vec::new(),
            keys: Vec::new(),
            name,
            problem,
        });
    }
    let sql = format!(
        "{} SELECT a.attrelid::text, a.attname::text, a.attstattarget::text FROM tree i JOIN pg_attribute a \
         ON a.attrelid = i.id AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget >= 0 ORDER BY a.attnum",
        tree()
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the partitions' statistics targets")?;
    for mut row in rows {
        let id = word(&mut row, 0);
        if let Some(one) = out.iter_mut().find(|one| one.id == id) {
            one.targets.push((word(&mut row, 1), word(&mut row, 2)));
        }
    }
    keys(s, id, &mut out)?;
    Ok(out)
}

// Each with the table's that it is a part of; parts for the partitions of what it refers to are left out.
fn keys(s: &mut dyn Session, id: &str, partitions: &mut [Partition]) -> Result<(), Error> {
    let sql = format!(
        "{}, keys (id, root, refers) AS (SELECT oid, conname, confrelid FROM pg_constraint \
           WHERE conrelid = ({BIND}::text)::oid AND contype = 'f' AND conparentid = 0 \
           UNION ALL SELECT c.oid, k.root, k.refers FROM pg_constraint c JOIN keys k ON k.id = c.conparentid \
           WHERE c.confrelid = k.refers) \
         SELECT con.conrelid::text, con.conname::text, k.root::text, con.convalidated::text \
         FROM tree i JOIN pg_constraint con ON con.conrelid = i.id AND con.contype = 'f' \
         LEFT JOIN keys k ON k.id = con.oid WHERE k.id IS NOT NULL OR con.conparentid = 0 ORDER BY con.conname",
        tree()
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned()), Some(id.to_owned())])
        .during("reading the partitions' foreign keys")?;
    for mut row in rows {
        let id = word(&mut row, 0);
        let key = PartKey {
            name: word(&mut row, 1),
            of: cell(&mut row, 2),
            validated: flag(&mut row, 3),
        };
        if let Some(one) = partitions.iter_mut().find(|one| one.id == id) {
            one.keys.push(key);
        }
    }
    Ok(())
}

/// How many rows they have together; none if that is not known of one of them.
pub(super) fn rows(partitions: &[Partition]) -> Option<u64> {
    partitions.iter().map(|one| one.size.rows).sum()
}

/// The partitions' indexes, each with the one of the table's that it belongs to.
pub(super) fn parts(
    s: &mut dyn Session,
    id: &str,
    indexes: &mut [Index],
    partitions: &mut [Partition],
) -> Result<(), Error> {
    let sql = format!(
        "{} SELECT x.indrelid::text, c.relname::text, x.indisvalid::text, rc.relname::text \
         FROM tree i JOIN pg_index x ON x.indrelid = i.id JOIN pg_class c ON c.oid = x.indexrelid \
         LEFT JOIN indexes t ON t.id = x.indexrelid LEFT JOIN pg_class rc ON rc.oid = t.root ORDER BY c.relname",
        trees()
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned()), Some(id.to_owned())])
        .during("reading the partitions' indexes")?;
    for mut row in rows {
        let (of, name, valid) = (word(&mut row, 0), word(&mut row, 1), flag(&mut row, 2));
        let root = cell(&mut row, 3);
        let index = root.and_then(|root| indexes.iter_mut().find(|i| i.name == root));
        if let Some(index) = index {
            index.parts.push(Part { of, name });
        } else if let Some(one) = partitions.iter_mut().find(|one| one.id == of) {
            one.loose.push((name, valid));
        }
    }
    Ok(())
}

/// Refuses the transaction if the partitions are no longer those that the plan was made for. `all`: nor may there be others.
pub(in crate::backend::postgres) fn check(
    s: &mut dyn Session,
    table: &Table,
    ids: &[String],
    all: bool,
) -> Result<(), Error> {
    let sql = format!("{} SELECT id::text FROM tree WHERE NOT pending", tree());
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking at the partitions")?;
    let found: Vec<String> = rows.into_iter().flatten().flatten().collect();
    let gone = ids.iter().any(|id| !found.contains(id));
    if gone || all && found.len() != ids.len() {
        return Err(Error::PartitionsChanged {
            table: table.name.to_string(),
        });
    }
    Ok(())
}

/// What cannot be carried because the table is partitioned.
pub(in crate::backend::postgres) fn obstacles(
    s: &mut dyn Session,
    cx: &Context<'_>,
) -> Result<Vec<Obstacle>, Error> {
    let (table, mut out) = (cx.table, Vec::new());
    let Some(partitions) = &table.partitions else {
        return Ok(out);
    };
    for change in cx.changes {
        let mut add = |kind: &str, name: &str| {
            let obstacle = Obstacle::new(change.from, kind, name);
            if !out.contains(&obstacle) {
                out.push(obstacle);
            }
        };
        for one in partitions {
            if let Some(problem) = one.problem {
                add(problem, &one.name.name);
            }
        }
        of_table(cx, change, &mut add);
        is_key(s, &table.id, change.from, &mut add)?;
        for one in partitions.iter().filter(|one| one.partitioned) {
            is_key(s, &one.id, change.from, &mut add)?;
        }
        alone(s, table, change.from, &mut add)?;
        otherwise(s, table, change.from, &mut add)?;
        parts_otherwise(s, cx, change, &mut add)?;
        for one in partitions {
            let partition = Table {
                id: one.id.clone(),
                ..table.clone()
            };
            super::obstacles::triggers(s, &partition, change.from, &mut |kind, name| {
                add(kind, &name);
            })?;
        }
    }
    Ok(out)
}

fn of_table(cx: &Context<'_>, change: &Active, add: &mut dyn FnMut(&str, &str)) {
    let table = cx.table;
    if change.conversion == Conversion::Rust {
        add(
            "conversion in Rust on a partitioned table",
            &table.name.name,
        );
    }
    for index in &table.indexes {
        if !index.covers(change.from, table.dialect) {
            continue;
        }
        if index.constraint.is_some()
            && (cx.is_left(&index.name) || cx.index_on_new(index).given.is_some())
        {
            // it comes to the table by its columns, and back by those of its copy
            add(
                "unique constraint of a partitioned table that the annotation gives or leaves out",
                &index.name,
            );
        } else if !index.valid {
            add("index that some partitions do not have", &index.name);
        } else if index
            .extras
            .iter()
            .any(|extra| !extra.before.starts_with("COMMENT"))
        {
            add(
                "index of a partitioned table with settings of its own",
                &index.name,
            );
        }
    }
    for key in &table.foreign_keys {
        if !key.covers(table, change.from) {
            continue;
        }
        if key.to.id == table.id {
            // what it goes by is dropped with the old primary key
            add("foreign key into a partitioned table", &key.name);
        } else if !key.validated {
            add(
                "foreign key of a partitioned table that is not validated",
                &key.name,
            );
        }
    }
    let column = table.column(change.from);
    let sequences = column.iter().flat_map(|column| &column.sequences);
    for sequence in sequences.filter(|sequence| sequence.source != Source::Default) {
        add(
            "identity column of a partitioned table",
            &sequence.name.name,
        );
    }
}

// The server notes that the column may not be dropped: the column depends on the table.
fn is_key(
    s: &mut dyn Session,
    id: &str,
    column: &str,
    add: &mut dyn FnMut(&str, &str),
) -> Result<(), Error> {
    let sql = format!(
        "SELECT pg_get_partkeydef(a.attrelid) FROM pg_attribute a JOIN pg_depend d ON d.classid = 'pg_class'::regclass \
         AND d.objid = a.attrelid AND d.objsubid = a.attnum AND d.refclassid = 'pg_class'::regclass \
         AND d.refobjid = a.attrelid AND d.refobjsubid = 0 AND d.deptype = 'i' \
         WHERE a.attrelid = ({BIND}::text)::oid AND a.attname = {BIND}"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned()), Some(column.to_owned())])
        .during("looking at the partition key")?;
    for key in rows.into_iter().flatten().flatten() {
        add("partition key", &key);
    }
    Ok(())
}

// Whatever depends on the partition's column and has no counterpart on the table.
fn alone(
    s: &mut dyn Session,
    table: &Table,
    column: &str,
    add: &mut dyn FnMut(&str, &str),
) -> Result<(), Error> {
    let sql = format!(
        "{} SELECT CASE WHEN ic.relkind IN ('i', 'I') THEN 'index' WHEN con.contype = 'c' THEN 'CHECK constraint' \
           WHEN con.contype = 'f' THEN 'foreign key' WHEN con.oid IS NOT NULL THEN 'unique constraint' \
           WHEN tg.oid IS NOT NULL THEN 'trigger' ELSE 'object' END || ' of a partition alone', \
         coalesce(ic.relname::text, con.conname::text, tg.tgname::text, pg_describe_object(d.classid, d.objid, d.objsubid)) \
         FROM tree i JOIN pg_attribute a ON a.attrelid = i.id AND a.attname = {BIND} \
         JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum \
         LEFT JOIN pg_constraint con ON d.classid = 'pg_constraint'::regclass AND con.oid = d.objid \
         LEFT JOIN pg_class ic ON d.classid = 'pg_class'::regclass AND ic.oid = d.objid \
         LEFT JOIN pg_trigger tg ON d.classid = 'pg_trigger'::regclass AND tg.oid = d.objid \
         LEFT JOIN pg_attrdef ad ON d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid \
         WHERE NOT coalesce(CASE WHEN ic.relkind IN ('i', 'I') THEN ic.relispartition \
           WHEN con.contype = 'c' THEN NOT con.conislocal WHEN con.contype = 'n' THEN true \
           WHEN con.oid IS NOT NULL THEN con.conparentid <> 0 \
           WHEN tg.oid IS NOT NULL THEN tg.tgparentid <> 0 OR starts_with(tg.tgname, '{PREFIX}') \
           WHEN ad.oid IS NOT NULL THEN ad.adnum = a.attnum END, false) ORDER BY 1, 2",
        tree()
    );
    let binds = [Some(table.id.clone()), Some(column.to_owned())];
    let rows = s
        .rows(&sql, &binds)
        .during("looking for objects that depend on a partition's column")?;
    for mut row in rows {
        add(&word(&mut row, 0), &word(&mut row, 1));
    }
    Ok(())
}

// A new column comes to the partitions with the table's properties, and with no privileges or comment.
fn otherwise(
    s: &mut dyn Session,
    table: &Table,
    column: &str,
    add: &mut dyn FnMut(&str, &str),
) -> Result<(), Error> {
    let sql = format!(
        "{} SELECT p.attrelid::regclass::text FROM tree i \
         JOIN pg_attribute a ON a.attrelid = i.parent AND a.attname = {BIND} \
         JOIN pg_attribute p ON p.attrelid = i.id AND p.attname = a.attname \
         LEFT JOIN pg_attrdef ad ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum \
         LEFT JOIN pg_attrdef pd ON pd.adrelid = p.attrelid AND pd.adnum = p.attnum \
         WHERE (p.attacl IS NOT NULL OR {} OR {} OR p.attcompression <> '' OR a.attcompression <> '' \
           OR p.attnotnull <> a.attnotnull OR p.attstorage <> a.attstorage OR p.attgenerated <> a.attgenerated \
           OR col_description(p.attrelid, p.attnum) IS NOT NULL \
           OR pg_get_expr(pd.adbin, pd.adrelid) IS DISTINCT FROM pg_get_expr(ad.adbin, ad.adrelid)) ORDER BY 1",
        tree(),
        has_options("p"),
        has_options("a")
    );
    let binds = [Some(table.id.clone()), Some(column.to_owned())];
    let rows = s
        .rows(&sql, &binds)
        .during("comparing the partitions' columns")?;
    for name in rows.into_iter().flatten().flatten() {
        add("column with settings of its own in partition", &name);
    }
    Ok(())
}

// What is attached need only find the same rows; the copies are all made as the table's index is.
fn parts_otherwise(
    s: &mut dyn Session,
    cx: &Context<'_>,
    change: &Active,
    add: &mut dyn FnMut(&str, &str),
) -> Result<(), Error> {
    let sql = format!(
        "{} SELECT c.relname::text, rc.relname::text FROM indexes t JOIN pg_class rc ON rc.oid = t.root \
         JOIN pg_index px ON px.indexrelid = t.root JOIN pg_class pc ON pc.oid = t.root \
         JOIN pg_index x ON x.indexrelid = t.id JOIN pg_class c ON c.oid = t.id \
         WHERE t.id <> t.root AND (x.indisclustered OR x.indisreplident OR NOT x.indisvalid \
           OR x.indoption::text <> px.indoption::text OR c.reloptions IS DISTINCT FROM pc.reloptions \
           OR c.reltablespace <> pc.reltablespace OR obj_description(c.oid, 'pg_class') IS NOT NULL \
           OR EXISTS (SELECT FROM pg_constraint k JOIN pg_description d ON d.classoid = 'pg_constraint'::regclass \
             AND d.objoid = k.oid WHERE k.conindid = c.oid) \
           OR EXISTS (SELECT FROM pg_attribute k WHERE k.attrelid = c.oid AND k.attstattarget >= 0) \
           OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid \
             AND d.deptype = 'x')) ORDER BY 1",
        trees()
    );
    let id = Some(cx.table.id.clone());
    let rows = s
        .rows(&sql, &[id.clone(), id])
        .during("comparing the partitions' indexes")?;
    for mut row in rows {
        let (name, root) = (word(&mut row, 0), word(&mut row, 1));
        let index = cx.table.index(&root);
        if index.is_some_and(|index| index.covers(change.from, cx.table.dialect)) {
            add("index of a partition with settings of its own", &name);
        }
    }
    Ok(())
}
