//! All that PostgreSQL's catalogues say of a table, as text: for the difference between before and after.

use diesel::pg::PgConnection;

use crate::database::{Db, Postgres};

/// Queries with one line per row and `$1` for the table.
///
/// Columns are sorted by name and not by place: a new column is the last one, and no statement that names its columns sees
/// the difference. Nor does `connoinherit` mean anything of a key or a unique constraint: a partition's has it or not, depending on
/// whether it was attached, as a dump does, or came with the table's.
const LINES: &[&str] = &[
    "SELECT concat_ws(' ', 'table', c.relkind, c.relpersistence, 'owner', pg_get_userbyid(c.relowner), \
     'identity', c.relreplident, 'rls', c.relrowsecurity, c.relforcerowsecurity, 'options', c.reloptions, \
     'am', am.amname, 'tablespace', c.reltablespace, 'rules', c.relhasrules, 'comment', obj_description(c.oid, 'pg_class')) \
     FROM pg_class c LEFT JOIN pg_am am ON am.oid = c.relam WHERE c.oid = $1",
    "SELECT concat_ws(' ', 'grant', x.privilege_type, 'to', CASE WHEN x.grantee = 0 THEN 'public' ELSE pg_get_userbyid(x.grantee) END, \
     'by', pg_get_userbyid(x.grantor), x.is_grantable) FROM pg_class c, aclexplode(c.relacl) x WHERE c.oid = $1",
    "SELECT concat_ws(' ', 'column', quote_ident(attname), format_type(atttypid, atttypmod), 'not null', attnotnull, \
     'default', pg_get_expr(adbin, adrelid), 'collation', attcollation::regcollation, 'identity', attidentity, \
     'generated', attgenerated, 'storage', attstorage, 'compression', attcompression, 'target', attstattarget, \
     'options', ARRAY(SELECT o FROM unnest(attoptions) o WHERE NOT starts_with(o, 'pg_')), 'fdw', attfdwoptions, 'dimensions', attndims, 'local', attislocal, attinhcount, \
     'comment', col_description(attrelid, attnum)) \
     FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum \
     WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped",
    "SELECT concat_ws(' ', 'column', quote_ident(attname), 'grant', x.privilege_type, 'to', \
     CASE WHEN x.grantee = 0 THEN 'public' ELSE pg_get_userbyid(x.grantee) END, 'by', pg_get_userbyid(x.grantor), x.is_grantable) \
     FROM pg_attribute, aclexplode(attacl) x WHERE attrelid = $1 AND NOT attisdropped",
    "SELECT concat_ws(' ', 'constraint', quote_ident(conname), contype, pg_get_constraintdef(oid), 'deferrable', condeferrable, \
     condeferred, 'validated', convalidated, 'no inherit', connoinherit AND contype NOT IN ('f', 'p', 'u'), 'local', conislocal, \
     'comment', obj_description(oid, 'pg_constraint')) FROM pg_constraint WHERE conrelid = $1 OR confrelid = $1",
    "SELECT concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid), 'unique', indisunique, 'primary', indisprimary, \
     'immediate', indimmediate, 'clustered', indisclustered, 'valid', indisvalid, indisready, indislive, \
     'identity', indisreplident, 'tablespace', c.reltablespace, 'comment', obj_description(c.oid, 'pg_class'), \
     'targets', (SELECT string_agg(attnum || ':' || attstattarget, ' ' ORDER BY attnum) FROM pg_attribute \
       WHERE attrelid = c.oid AND attstattarget >= 0), \
     'with', (SELECT string_agg(e.extname, ' ') FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid \
       WHERE d.objid = c.oid AND d.deptype = 'x')) \
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1",
    // columns stand in the order of their numbers
    "SELECT concat_ws(' ', 'statistics', stxnamespace::regnamespace, quote_ident(stxname), 'on', \
     (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute \
       WHERE attrelid = stxrelid AND attnum = ANY (stxkeys::int2[])), pg_get_statisticsobjdef_expressions(oid), 'kinds', stxkind, 'target', stxstattarget, \
     'owner', pg_get_userbyid(stxowner), 'comment', obj_description(oid, 'pg_statistic_ext')) FROM pg_statistic_ext WHERE stxrelid = $1",
    "SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(oid), tgenabled, 'comment', obj_description(oid, 'pg_trigger')) \
     FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal",
    "SELECT concat_ws(' ', 'policy', polname, polpermissive, polroles::regrole[], polcmd, \
     pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM pg_policy WHERE polrelid = $1",
    "SELECT concat_ws(' ', 'rule', pg_get_ruledef(oid), ev_enabled) FROM pg_rewrite WHERE ev_class = $1",
    "SELECT concat_ws(' ', 'sequence', objid::regclass, 'of', quote_ident(attname), deptype) FROM pg_depend \
     JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid JOIN pg_class c ON c.oid = objid AND c.relkind = 'S' \
     WHERE refobjid = $1 AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i')",
    "SELECT concat_ws(' ', 'publication', pubname, pg_get_expr(prqual, prrelid)) FROM pg_publication_rel \
     JOIN pg_publication p ON p.oid = prpubid WHERE prrelid = $1",
    "SELECT concat_ws(' ', 'dependent', pg_describe_object(classid, objid, objsubid), deptype) FROM pg_depend \
     WHERE refobjid = $1 AND refclassid = 'pg_class'::regclass AND classid IN ('pg_rewrite'::regclass, 'pg_proc'::regclass)",
];

/// Everything about a table, one thing per line.
///
/// # Panics
///
/// When there is no such table.
#[track_caller]
pub fn of_table(conn: &mut PgConnection, table: &str) -> String {
    let oid = Postgres::text(conn, &format!("SELECT '{table}'::regclass::oid"));
    let oid = oid.unwrap_or_else(|| panic!("{table} is a table"));
    let mut out = String::new();
    for lines in LINES {
        let lines = lines.replace("$1", &format!("{oid}::oid"));
        let all = format!("SELECT string_agg(line, E'\\n' ORDER BY line) FROM ({lines}) q (line)");
        if let Some(lines) = Postgres::text(conn, &all) {
            out.push_str(&lines);
            out.push('\n');
        }
    }
    out
}

/// Asserts that two descriptions are the same, and names the lines that are not.
///
/// # Panics
///
/// When they differ.
#[track_caller]
pub fn assert_same(found: &str, wanted: &str, when: &str) {
    let missing: Vec<&str> = wanted
        .lines()
        .filter(|line| !found.lines().any(|other| other == *line))
        .collect();
    let surplus: Vec<&str> = found
        .lines()
        .filter(|line| !wanted.lines().any(|other| other == *line))
        .collect();
    assert!(
        missing.is_empty() && surplus.is_empty() && found.len() == wanted.len(),
        "{when}\nmissing:\n{}\nsurplus:\n{}",
        missing.join("\n"),
        surplus.join("\n")
    );
}
