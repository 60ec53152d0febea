use crate::support::Case;

const RULE: &str = "not-understood";

#[track_caller]
fn found(case: Case) -> Vec<(usize, usize, String)> {
    let findings = case.report().findings;
    let of_rule = findings.into_iter().filter(|finding| finding.rule == RULE);
    of_rule
        .map(|finding| (finding.at.line, finding.at.column, finding.message))
        .collect()
}

#[test]
fn no_statement() {
    let found = found(Case::postgres("SELECT 1;\n  FROBNICATE users;\n"));
    assert_eq!(
        found,
        [(
            2,
            3,
            "not understood: no statement begins with `FROBNICATE`".to_string()
        )]
    );
}

/// The place is where the parser stopped, and the statements behind it are still looked at.
#[test]
fn a_slip_costs_no_other_statement() {
    let case = Case::postgres("CREATE TABLE t (\n  id int PRIMARY KEY\n  a int\n);\nDROP TABLE u;");
    let report = case.report();
    let of_rule: Vec<_> = report
        .findings
        .iter()
        .map(|f| (f.rule, f.at.line, f.at.column))
        .collect();
    assert_eq!(
        of_rule,
        [
            (RULE, 3, 3),
            ("drop-table", 5, 12),
            ("missing-lock-timeout", 5, 12)
        ]
    );
}

#[test]
fn an_open_string() {
    let found = found(Case::postgres("SELECT 1;\nUPDATE t SET a = 'open;\n"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, 2);
    assert!(
        found[0].2.contains("nothing behind it was looked at"),
        "{}",
        found[0].2
    );
}

/// An action that the parser does not know hides none of its neighbours.
#[test]
fn one_action_of_several() {
    let case = Case::postgres("ALTER TABLE t FROBNICATE a, DROP COLUMN b;");
    let rules = case.rules();
    assert!(
        rules.contains(&RULE) && rules.contains(&"drop-column"),
        "{rules:?}"
    );
}

#[test]
fn deep_parentheses() {
    let deep = format!(
        "CREATE TABLE t (a int DEFAULT {}1{});",
        "(".repeat(5_000),
        ")".repeat(5_000)
    );
    let found = found(Case::postgres(&deep));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].2.contains("levels deep"), "{found:?}");
}

#[test]
fn long_chains() {
    let long = format!("CREATE TABLE t (a int DEFAULT 1{});", " + 1".repeat(9_000));
    assert!(found(Case::postgres(&long)).is_empty());
    let longer = format!("CREATE TABLE t (a int DEFAULT 1{});", " + 1".repeat(90_000));
    let found = found(Case::postgres(&longer));
    assert!(found[0].2.contains("more than 20000 words"), "{found:?}");
}

/// Rows of data are not the parser's.
#[test]
fn many_rows() {
    let rows = format!("INSERT INTO t (a) VALUES (1){};", ", (2)".repeat(60_000));
    assert!(found(Case::postgres(&rows)).is_empty());
}

#[test]
fn what_the_parser_does_not_know_but_the_rules_do() {
    for sql in [
        "CREATE TABLE t (LIKE u INCLUDING ALL);",
        "CREATE INDEX i ON ONLY t (a);",
        "ALTER TABLE t ALTER COLUMN a SET STORAGE EXTERNAL, SET (fillfactor = 70), OWNER TO me;",
        "SET LOCAL lock_timeout = 5s;",
        "DO $$ BEGIN RAISE NOTICE ';'; END $$;",
        "COMMENT ON TABLE t IS 'it''s;'; GRANT SELECT ON t TO me;",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;",
        "CREATE POLICY p ON t USING (true); ALTER TABLE t ENABLE ROW LEVEL SECURITY;",
        "(SELECT 1) UNION (SELECT 2);",
        "CREATE INDEX i ON t (a) TABLESPACE fast WHERE b;",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a, b) REFERENCES u (a, b) ON DELETE SET NULL (b) NOT VALID, CLUSTER ON i;",
        "CREATE TABLE t (id int, k text, PRIMARY KEY (id, k), UNIQUE NULLS NOT DISTINCT (k)) PARTITION BY LIST (k);",
        "CREATE TABLE t AS SELECT a.*, count(*) FILTER (WHERE x) OVER w FROM a CROSS JOIN LATERAL (SELECT 1) q;",
        "CREATE INDEX i ON t USING gin ((d -> 'tags') jsonb_path_ops) WITH (fastupdate = off);",
        "CREATE TABLE t (id int PRIMARY KEY, x text CHECK (x ~ '^[a-z]+$'), y text[] DEFAULT ARRAY[]::text[]);",
        "SET CONSTRAINTS ALL DEFERRED; ALTER TABLE t REPLICA IDENTITY FULL;",
        ";;",
        "",
        "-- nothing\n/* at /* all */ */",
    ] {
        assert_eq!(found(Case::postgres(sql)), [], "{sql}");
    }
}

#[test]
fn of_the_other_databases() {
    for sql in [
        "CREATE TABLE `t` (`id` int(11) unsigned NOT NULL AUTO_INCREMENT COMMENT 'x', `b` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, `c` enum('a','b'), PRIMARY KEY (`id`), UNIQUE KEY `u` (`b`(10)), KEY `k` (`c` DESC) USING BTREE, FULLTEXT KEY `f` (`b`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;",
        "ALTER TABLE t RENAME INDEX a TO b, DROP CHECK c, DROP FOREIGN KEY g, COMMENT = 'x', AUTO_INCREMENT = 10, ROW_FORMAT=DYNAMIC;",
        "CREATE PROCEDURE p() BEGIN CASE x WHEN 1 THEN SELECT 1; ELSE SELECT 2; END CASE; WHILE 1 DO SELECT 1; END WHILE; END;",
        "SET NAMES utf8mb4; SET @x = 1; SET @@session.y = 2; LOCK TABLES t WRITE; UNLOCK TABLES; # a comment",
    ] {
        assert_eq!(found(Case::mysql(sql)), [], "{sql}");
    }
    for sql in [
        "CREATE TABLE IF NOT EXISTS \"t\" ([id] INTEGER PRIMARY KEY ON CONFLICT REPLACE AUTOINCREMENT, `b` TEXT COLLATE NOCASE DEFAULT (datetime('now')), c, UNIQUE (b, c) ON CONFLICT ROLLBACK) WITHOUT ROWID, STRICT;",
        "CREATE VIRTUAL TABLE f USING fts5(a, b, content='x', tokenize = 'porter ascii');",
        "CREATE UNIQUE INDEX IF NOT EXISTS main.i ON t (b COLLATE NOCASE DESC, lower(c)) WHERE d IS NOT NULL;",
        "PRAGMA main.cache_size(-2000); VACUUM; REINDEX; ATTACH 'x' AS y; INSERT OR REPLACE INTO t DEFAULT VALUES;",
    ] {
        assert_eq!(found(Case::sqlite(sql)), [], "{sql}");
    }
}
