//! CHECK constraints and extended statistics.

use super::{cell, flag, quote, word};
use crate::backend::postgres::rules::Postgres;
use crate::backend::rules::Rules;
use crate::backend::session::{Session, BIND};
use crate::catalogue::expr::Tree;
use crate::catalogue::{Check, Expr, Extra, ExtraKind, Statistics};
use crate::error::{Error, While};

pub(super) fn checks(
    s: &mut dyn Session,
    id: &str,
    numbers: &[(i32, String)],
) -> Result<Vec<Check>, Error> {
    // NOT ENFORCED is new in 18: read through json, which has the key or has it not
    let sql = format!(
        "SELECT conname::text, pg_get_expr(conbin, conrelid), conbin::text, convalidated::text, connoinherit::text, \
         coalesce(to_jsonb(c) ->> 'conenforced', 'true'), obj_description(oid, 'pg_constraint') \
         FROM pg_constraint c WHERE conrelid = ({BIND}::text)::oid AND contype = 'c' ORDER BY conname"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the CHECK constraints")?;
    let check = |mut row| {
        let tree = Tree::read(&word(&mut row, 2), numbers);
        let mut suffix = String::new();
        if flag(&mut row, 4) {
            suffix.push_str(" NO INHERIT");
        }
        let enforced = flag(&mut row, 5);
        if !enforced {
            suffix.push_str(" NOT ENFORCED");
        }
        Check {
            name: word(&mut row, 0),
            condition: Expr::cut(&word(&mut row, 1), tree),
            validated: flag(&mut row, 3),
            enforced,
            suffix,
            comment: cell(&mut row, 6),
            named: true,
            column: None,
        }
    };
    Ok(rows.into_iter().map(check).collect())
}

pub(super) fn statistics(
    s: &mut dyn Session,
    id: &str,
    numbers: &[(i32, String)],
) -> Result<Vec<Statistics>, Error> {
    let sql = format!(
        "SELECT st.stxname::text, n.nspname::text, array_to_string(st.stxkind, ''), pg_get_statisticsobjdef_columns(st.oid), \
         array_to_string(st.stxkeys::int2[], ' '), coalesce(st.stxexprs::text, ''), \
         CASE WHEN st.stxstattarget >= 0 THEN st.stxstattarget::text END, obj_description(st.oid, 'pg_statistic_ext'), \
         CASE WHEN st.stxowner <> c.relowner THEN quote_ident(pg_get_userbyid(st.stxowner)) END \
         FROM pg_statistic_ext st JOIN pg_namespace n ON n.oid = st.stxnamespace JOIN pg_class c ON c.oid = st.stxrelid \
         WHERE st.stxrelid = ({BIND}::text)::oid ORDER BY 1, 2"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the extended statistics")?;
    let mut out = Vec::new();
    for mut row in rows {
        let keys = word(&mut row, 4);
        let keys: Vec<String> = keys
            .split_whitespace()
            .filter_map(|key| {
                let number: i32 = key.parse().ok()?;
                let column = numbers.iter().find(|(known, _)| *known == number)?;
                Some(column.1.clone())
            })
            .collect();
        let expressions = word(&mut row, 5);
        let kinds = word(&mut row, 2);
        // on a single expression there is one kind, which cannot be written
        let single = keys.is_empty() && kinds.as_str() == "e";
        let names: Vec<&str> = [('d', "ndistinct"), ('f', "dependencies"), ('m', "mcv")]
            .into_iter()
            .filter(|(letter, _)| kinds.contains(*letter))
            .map(|(_, name)| name)
            .collect();
        let mut extras = Vec::new();
        let schema = format!("{}.", quote(&word(&mut row, 1)));
        let mut set = |before: &str, after: String| {
            extras.push(Extra {
                before: format!("{before} {schema}"),
                after,
                kind: ExtraKind::Plain,
            });
        };
        if let Some(target) = cell(&mut row, 6) {
            set("ALTER STATISTICS", format!(" SET STATISTICS {target}"));
        }
        if let Some(comment) = cell(&mut row, 7) {
            set(
                "COMMENT ON STATISTICS",
                format!(" IS {}", Postgres.literal(&comment)),
            );
        }
        // at last: then it is not the role's own any more
        if let Some(owner) = cell(&mut row, 8) {
            set("ALTER STATISTICS", format!(" OWNER TO {owner}"));
        }
        out.push(Statistics {
            name: word(&mut row, 0),
            kinds: match single || names.is_empty() {
                true => String::new(),
                false => format!(" ({})", names.join(", ")),
            },
            on: Expr::cut(
                &word(&mut row, 3),
                Tree::of_columns(&keys).and(Tree::read(&expressions, numbers)),
            ),
            expressions: !expressions.is_empty(),
            schema,
            extras,
        });
    }
    Ok(out)
}
