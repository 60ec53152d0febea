//! A filter on a changed column uses the column's index in every phase.

use diesel::connection::SimpleConnection;
use diesel::query_builder::QueryFragment;
use expand_contract::__private::Dialect;
use expand_contract::phase::{Phase, Stage};
use expand_contract::prelude::*;

use super::*;
use crate::forms::ddl::{self, sha};
use crate::forms::field::{versions, Version, TAR};
use crate::support::snapshot;

#[derive(QueryableByName)]
struct PlanLine {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

/// The plan of a statement whose only binds are given.
fn plan<Q: QueryFragment<Db>>(conn: &mut Conn, query: &Q, binds: &[&[u8]]) -> String {
    let sql = diesel::debug_query::<Db, _>(query).to_string();
    let mut sql = sql
        .split_once(" -- binds:")
        .map_or(&*sql, |(sql, _)| sql)
        .to_owned();
    match DIALECT {
        Dialect::Postgres => {
            let literals: Vec<String> = binds
                .iter()
                .map(|bind| format!("'\\x{}'::bytea", ddl::hex(bind)))
                .collect();
            for (i, literal) in literals.iter().enumerate().rev() {
                sql = sql.replace(&format!("${}", i + 1), literal);
            }
            let text = format!(
                "DO $do$ DECLARE line text; BEGIN
                   CREATE TEMP TABLE IF NOT EXISTS plan (line text); DELETE FROM plan;
                   FOR line IN EXECUTE $sql$EXPLAIN {sql}$sql$ LOOP INSERT INTO plan VALUES (line); END LOOP;
                 END $do$"
            );
            conn.batch_execute(&text).unwrap();
            let lines: Vec<PlanLine> = diesel::sql_query("SELECT line FROM plan")
                .load(conn)
                .unwrap();
            lines.into_iter().map(|plan| plan.line + "\n").collect()
        }
        _ => {
            for bind in binds {
                sql = sql.replacen('?', &format!("x'{}'", ddl::hex(bind)), 1);
            }
            #[derive(QueryableByName)]
            struct Detail {
                #[diesel(sql_type = diesel::sql_types::Text)]
                detail: String,
            }
            let lines: Vec<Detail> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"))
                .load(conn)
                .unwrap();
            lines.into_iter().map(|plan| plan.detail + "\n").collect()
        }
    }
}

#[test]
fn filters_use_the_index_in_every_phase() {
    let mut database = open();
    let conn = &mut database.conn;
    for phase in Phase::ALL {
        conn.batch_execute("DROP TABLE IF EXISTS versions; DROP TABLE IF EXISTS downloads;")
            .unwrap();
        conn.batch_execute(&ddl::versions(DIALECT, KEY, phase))
            .unwrap();
        let (numbers, old, new) = match DIALECT {
            Dialect::Postgres => (
                "generate_series(1, 20000) AS n(i)",
                "encode(sha256(i::text::bytea), 'hex')",
                "sha256(i::text::bytea)",
            ),
            _ => (
                "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT i FROM n)",
                "printf('%064x', i)",
                "unhex(printf('%064x', i))",
            ),
        };
        let (names, values) = match phase {
            Phase::Original => ("checksum", old.to_owned()),
            Phase::Contracted => ("tar_sha256", new.to_owned()),
            _ => ("checksum, tar_sha256", format!("{old}, {new}")),
        };
        conn.batch_execute(&format!(
            "INSERT INTO versions (num, {names}) SELECT 'n' || i, {values} FROM {numbers};"
        ))
        .unwrap();
        if phase != Phase::Contracted {
            conn.batch_execute("CREATE INDEX by_checksum ON versions (checksum);")
                .unwrap();
        }
        if phase != Phase::Original {
            conn.batch_execute("CREATE INDEX by_tar ON versions (tar_sha256);")
                .unwrap();
        }
        conn.batch_execute("ANALYZE versions;").unwrap();
        let index = if phase.reads_old() {
            "by_checksum"
        } else {
            "by_tar"
        };
        let at = snapshot::<versions::table>(Stage::first(phase), DIALECT, &[ddl::CHECKSUM]);
        at.scope(|| {
            let query = || versions::table.select(Version::as_select());
            let equal = query().filter(TAR.eq(sha(1)));
            let any = query().filter(TAR.eq_any([sha(1), sha(2)]));
            let range = query().filter(TAR.between(sha(0), [sha(0), vec![0]].concat()));
            let update = diesel::update(versions::table.filter(TAR.eq(sha(1))))
                .set(versions::num.eq(versions::num));
            let sha0 = [sha(0), vec![0]].concat();
            for plan in [
                plan(conn, &equal, &[&sha(1)]),
                plan(conn, &any, &[&sha(1), &sha(2)]),
                plan(conn, &range, &[&sha(0), &sha0]),
                plan(conn, &update, &[&sha(1)]),
            ] {
                assert!(plan.contains(index), "{phase}:\n{plan}");
            }
        });
    }
}
