//! The migrations of these scenarios, and what is compared.

use crate::common::*;
use diesel::PgConnection;
use expand_contract::definition::{ChangeDef, Conversion, Part, SqlExpr, Strategy};
use expand_contract::phase::{Phase, Step};
use expand_contract::{MigrateOn, Options};
use tests::stop::stop_at;

diesel::table! {
    parents (id) {
        id -> BigInt,
        key -> Text,
    }
}

diesel::table! {
    children (id) {
        id -> Integer,
        parent_id -> Nullable<Integer>,
    }
}

diesel::table! {
    items (tenant, number) {
        tenant -> Integer,
        number -> BigInt,
    }
}

diesel::table! {
    tickets (uid) {
        uid -> Integer,
    }
}

/// What keeps the value and the name: `integer` becomes `bigint`.
pub const fn widened(column: &'static str, via: &'static str) -> ChangeDef {
    let same = SqlExpr {
        any: Some(&[Part::Column]),
        postgres: None,
        sqlite: None,
    };
    ChangeDef {
        old: column,
        via: Some(via),
        new: column,
        conversion: Conversion::Sql {
            up: same,
            down: same,
        },
        lossless: true,
        monotonic: true,
        new_type: both("bigint"),
        nullable: false,
        carry: &[],
        strategy: Strategy::Copy,
    }
}

migration!(
    ChildParent,
    children::table,
    "children-parent",
    [ChangeDef {
        nullable: true,
        ..rename("pid", "parent_id")
    }]
);
migration!(
    ChildParentWide,
    children::table,
    "children-parent-wide",
    [ChangeDef {
        nullable: true,
        ..widened("parent_id", "parent_id_wide")
    }]
);
migration!(
    ParentKey,
    parents::table,
    "parents-key",
    [rename("code", "key")]
);
migration!(
    ParentId,
    parents::table,
    "parents-id",
    [widened("id", "id_wide")]
);
migration!(
    Number,
    items::table,
    "items-number",
    [widened("number", "number_wide")]
);
migration!(
    TicketUid,
    tickets::table,
    "tickets-uid",
    [rename("id", "uid")]
);

migration!(
    TicketWide,
    tickets::table,
    "tickets-wide",
    [ChangeDef {
        old: "id",
        via: None,
        new: "uid",
        ..widened("id", "unused")
    }]
);

/// Columns, constraints, indexes and sequences of all tables but the ledger's, a line each.
pub fn catalogue(conn: &mut PgConnection) -> String {
    let sql = "SELECT string_agg(line, E'\n' ORDER BY line) FROM ( \
        SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull \
          || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' ' || a.attidentity::text AS line \
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
          WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'expand_contract') \
        UNION ALL SELECT 'index ' || pg_get_indexdef(i.indexrelid) || ' ' || i.indisvalid || ' ' || i.indisprimary || ' ' \
          || i.indisreplident FROM pg_index i \
          JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
          WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'expand_contract', 'pg_toast') \
        UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal \
        UNION ALL SELECT 'constraint ' || k.conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(k.oid) || ' ' \
          || coalesce(obj_description(k.oid, 'pg_constraint'), '') FROM pg_constraint k \
          JOIN pg_namespace n ON n.oid = k.connamespace \
          WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'expand_contract') \
        UNION ALL SELECT 'sequence ' || c.oid::regclass || ' ' || format_type(s.seqtypid, NULL) || ' ' \
          || concat_ws(' ', s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle, c.relacl, d.deptype, \
               d.refobjid::regclass, a.attname, obj_description(c.oid, 'pg_class')) \
          FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
          LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refobjsubid > 0 \
          LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
          WHERE n.nspname <> 'expand_contract') s";
    Postgres::text(conn, sql).unwrap_or_default()
}

/// The same lines, in whatever order.
#[track_caller]
pub fn same(expected: &str, found: &str) {
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let (expected, found) = (lines(expected), lines(found));
    let lost: Vec<_> = expected
        .iter()
        .filter(|line| !found.contains(line))
        .collect();
    let new: Vec<_> = found
        .iter()
        .filter(|line| !expected.contains(line))
        .collect();
    assert!(expected == found, "lost: {lost:#?}, new: {new:#?}");
}

/// Runs `M` to its end, calling `live` in every phase, and gives the catalogue before and after.
pub fn through<M: MigrateOn<PgConnection>>(
    conn: &mut PgConnection,
    live: impl FnMut(&mut PgConnection, Step),
) -> (String, String) {
    through_with::<M>(conn, fast, live)
}

/// The same with other options.
pub fn through_with<M: MigrateOn<PgConnection>>(
    conn: &mut PgConnection,
    options: impl Fn() -> Options,
    mut live: impl FnMut(&mut PgConnection, Step),
) -> (String, String) {
    let before = catalogue(conn);
    loop {
        for step in Step::ALL {
            if step == Step::Rollback {
                continue;
            }
            M::migration()
                .options(options())
                .advance_to(conn, step)
                .unwrap();
            live(conn, step);
        }
        if M::migration().status(conn).unwrap().stage.phase == Phase::Contracted {
            return (before, catalogue(conn));
        }
    }
}

/// Rolls `M` back from every phase, from every `stride`th action of `retire`, and with every `stride`th action of the rollback
/// from `Retired` the last of its run, and finds the catalogue as it was.
pub fn and_back<M: MigrateOn<PgConnection>>(
    db: &Postgres,
    stride: usize,
    live: impl Fn(&mut PgConnection),
) {
    let back = |conn: &mut PgConnection, before: &str| {
        live(conn);
        let mut migration = M::migration().options(fast());
        // the last rollback drops what an earlier one has left
        while migration.status(conn).unwrap().stage.phase != Phase::Original {
            migration.rollback(conn).unwrap();
            live(conn);
        }
        migration.rollback(conn).ok();
        same(before, &catalogue(conn));
    };
    let first = db.copy();
    let before = {
        let conn = &mut first.connect();
        let before = catalogue(conn);
        for last in [Step::Expand, Step::Backfill, Step::Switch] {
            let mut migration = M::migration().options(fast());
            migration.advance_to(conn, last).unwrap();
            back(conn, &before);
        }
        let mut migration = M::migration().options(fast());
        migration.advance_to(conn, Step::Switch).unwrap();
        before
    };
    let each = |from: &Postgres, step| {
        for stop in (0..).step_by(stride) {
            let copy = from.copy();
            let conn = &mut copy.connect();
            let stopped = stop_at::<M>(conn, fast(), step, stop);
            back(conn, &before);
            if !stopped {
                break;
            }
        }
    };
    each(&first, Step::Retire);
    {
        let conn = &mut first.connect();
        let mut migration = M::migration().options(fast());
        migration.advance_to(conn, Step::Retire).unwrap();
    }
    each(&first, Step::Rollback);
}
