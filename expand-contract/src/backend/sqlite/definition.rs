//! SQLite's `CREATE TABLE` text by columns and constraints, so that one of them can be added or removed exactly.

use super::tokens::{tokens, NotUnderstood, Token};

/// The kinds of column constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    PrimaryKey,
    NotNull,
    Null,
    Unique,
    Check,
    Default,
    Collate,
    References,
    Generated,
}

/// One column of a `CREATE TABLE` text. Positions are byte offsets in it.
#[derive(Debug, Clone)]
pub(crate) struct ColumnText {
    pub(crate) name: String,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Each constraint with its place, `CONSTRAINT x` included.
    pub(crate) clauses: Vec<(Clause, usize, usize)>,
}

/// A `CREATE TABLE` text, understood.
#[derive(Debug, Clone)]
pub(crate) struct TableText {
    pub(crate) columns: Vec<ColumnText>,
    /// Table constraints: their text.
    pub(crate) constraints: Vec<String>,
}

impl TableText {
    /// Reads a `CREATE TABLE` text.
    pub(crate) fn parse(sql: &str) -> Result<Self, NotUnderstood> {
        let tokens = tokens(sql)?;
        let open = tokens
            .iter()
            .position(|token| token.punct('('))
            .ok_or_else(|| NotUnderstood("no column list".to_owned()))?;
        let mut table = TableText {
            columns: Vec::new(),
            constraints: Vec::new(),
        };
        let (mut depth, mut first) = (0usize, open + 1);
        for (i, token) in tokens.iter().enumerate().skip(open) {
            if token.punct('(') {
                depth += 1;
            } else if token.punct(')') {
                depth = depth.saturating_sub(1);
            }
            let ends = (depth == 0) || (depth == 1 && token.punct(','));
            if ends {
                table.item(sql, &tokens[first..i])?;
                first = i + 1;
            }
            if depth == 0 {
                return Ok(table);
            }
        }
        Err(NotUnderstood("an unclosed column list".to_owned()))
    }

    fn item(&mut self, sql: &str, tokens: &[Token]) -> Result<(), NotUnderstood> {
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
            return Err(NotUnderstood("an empty item in the column list".to_owned()));
        };
        // constraints may follow one another without a comma; from here to the end they are one text
        let constraint = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
        if constraint.iter().any(|keyword| first.is(keyword)) {
            self.constraints.push(sql[first.start..last.end].to_owned());
            return Ok(());
        }
        let name = first
            .name()
            .ok_or_else(|| NotUnderstood("a column without a name".to_owned()))?;
        self.columns.push(ColumnText {
            name: name.to_owned(),
            start: first.start,
            end: last.end,
            clauses: Parser { tokens, at: 1 }.clauses()?,
        });
        Ok(())
    }

    /// The column, by SQLite's rules for names.
    pub(crate) fn column(&self, name: &str) -> Option<&ColumnText> {
        self.columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self, keyword: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|t| t.is(keyword))
    }

    fn take(&mut self, keyword: &str) -> bool {
        let found = self.peek(keyword);
        if found {
            self.at += 1;
        }
        found
    }

    fn skip(&mut self, count: usize) {
        self.at = (self.at + count).min(self.tokens.len());
    }

    fn parens(&mut self) {
        if !self.tokens.get(self.at).is_some_and(|t| t.punct('(')) {
            return;
        }
        let mut depth = 0usize;
        while let Some(token) = self.tokens.get(self.at) {
            if token.punct('(') {
                depth += 1;
            } else if token.punct(')') {
                depth -= 1;
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    fn conflict(&mut self) {
        if self.peek("ON")
            && self
                .tokens
                .get(self.at + 1)
                .is_some_and(|t| t.is("CONFLICT"))
        {
            self.skip(3);
        }
    }

    fn clauses(mut self) -> Result<Vec<(Clause, usize, usize)>, NotUnderstood> {
        const STARTS: [&str; 10] = [
            "CONSTRAINT",
            "PRIMARY",
            "NOT",
            "NULL",
            "UNIQUE",
            "CHECK",
            "DEFAULT",
            "COLLATE",
            "REFERENCES",
            "GENERATED",
        ];
        // the type name
        while self.at < self.tokens.len()
            && !STARTS.iter().any(|keyword| self.peek(keyword))
            && !self.peek("AS")
        {
            self.at += 1;
        }
        let mut out = Vec::new();
        while let Some(first) = self.tokens.get(self.at) {
            let start = first.start;
            if self.take("CONSTRAINT") {
                self.skip(1);
            }
            let clause = self.clause()?;
            let end = self.tokens[self.at - 1].end;
            out.push((clause, start, end));
        }
        Ok(out)
    }

    fn clause(&mut self) -> Result<Clause, NotUnderstood> {
        let clause = if self.take("PRIMARY") {
            self.skip(1);
            let _order = self.take("ASC") || self.take("DESC");
            self.conflict();
            self.take("AUTOINCREMENT");
            Clause::PrimaryKey
        } else if self.peek("NOT") && self.tokens.get(self.at + 1).is_some_and(|t| t.is("NULL")) {
            self.skip(2);
            self.conflict();
            Clause::NotNull
        } else if self.take("NULL") {
            self.conflict();
            Clause::Null
        } else if self.take("UNIQUE") {
            self.conflict();
            Clause::Unique
        } else if self.take("CHECK") {
            self.parens();
            Clause::Check
        } else if self.take("DEFAULT") {
            match self.tokens.get(self.at) {
                Some(t) if t.punct('(') => self.parens(),
                Some(t) if t.punct('-') || t.punct('+') => self.skip(2),
                _ => self.skip(1),
            }
            Clause::Default
        } else if self.take("COLLATE") {
            self.skip(1);
            Clause::Collate
        } else if self.take("REFERENCES") {
            self.references();
            Clause::References
        } else if self.take("GENERATED") || self.peek("AS") {
            self.take("ALWAYS");
            self.take("AS");
            self.parens();
            let _kept = self.take("STORED") || self.take("VIRTUAL");
            Clause::Generated
        } else {
            return Err(NotUnderstood(format!(
                "a column constraint that begins with {:?}",
                self.tokens.get(self.at).map(|t| &t.kind)
            )));
        };
        Ok(clause)
    }

    fn references(&mut self) {
        self.skip(1);
        self.parens();
        loop {
            if self.peek("ON") {
                // ON DELETE, ON UPDATE
                self.skip(2);
                let _two_words = self.take("SET") || self.take("NO");
                self.skip(1);
            } else if self.take("MATCH") {
                self.skip(1);
            } else if self.peek("DEFERRABLE")
                || (self.peek("NOT")
                    && self
                        .tokens
                        .get(self.at + 1)
                        .is_some_and(|t| t.is("DEFERRABLE")))
            {
                self.take("NOT");
                self.take("DEFERRABLE");
                if self.take("INITIALLY") {
                    self.skip(1);
                }
            } else {
                return;
            }
        }
    }
}

/// What becomes of one column's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Exactly this text.
    Replace(String),
    /// Without `NOT NULL` and without a default; then with what is given.
    Constrain {
        not_null: bool,
        default: Option<String>,
        /// Instead of the CHECKs that are there; none: those stay.
        checks: Option<Vec<String>>,
    },
}

/// The name of a CHECK clause, if it has one, and its condition.
pub(crate) fn check_of(clause: &str) -> Option<(Option<String>, &str)> {
    let tokens = tokens(clause).ok()?;
    let name = match tokens.as_slice() {
        [first, name, ..] if first.is("CONSTRAINT") => Some(name.name()?.to_owned()),
        _ => None,
    };
    // from token to token: a comment behind the last one would swallow what comes next
    let open = tokens.iter().position(|token| token.punct('('))?;
    let [first, .., last, close] = tokens.get(open + 1..)? else {
        return None;
    };
    let condition = clause.get(first.start..last.end);
    condition
        .filter(|_| close.punct(')'))
        .map(|condition| (name, condition))
}

/// Whether a column's definition has a CHECK.
pub(crate) fn has_check(definition: &str) -> bool {
    let table = TableText::parse(&format!("CREATE TABLE t ({definition})"));
    table.is_ok_and(|table| {
        let mut clauses = table.columns.iter().flat_map(|column| &column.clauses);
        clauses.any(|(clause, ..)| *clause == Clause::Check)
    })
}

/// The `CREATE TABLE` text with one column's definition changed.
pub(crate) fn edit(sql: &str, column: &str, change: &Edit) -> Result<String, NotUnderstood> {
    let table = TableText::parse(sql)?;
    let text = table
        .column(column)
        .ok_or_else(|| NotUnderstood(format!("no column `{column}`")))?;
    let mut out = sql[..text.start].to_owned();
    match change {
        Edit::Replace(definition) => out.push_str(definition),
        Edit::Constrain {
            not_null,
            default,
            checks,
        } => {
            let mut at = text.start;
            for (clause, start, end) in &text.clauses {
                let gone = match clause {
                    Clause::NotNull | Clause::Default => true,
                    Clause::Check => checks.is_some(),
                    _ => false,
                };
                if gone {
                    out.push_str(sql[at..*start].trim_end());
                    at = *end;
                }
            }
            out.push_str(&sql[at..text.end]);
            if *not_null {
                out.push_str(" NOT NULL");
            }
            if let Some(default) = default {
                out.push_str(" DEFAULT (");
                out.push_str(default);
                out.push(')');
            }
            for check in checks.iter().flatten() {
                out.push(' ');
                out.push_str(check);
            }
        }
    }
    out.push_str(&sql[text.end..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"CREATE TABLE "t" ( -- NOT NULL, "c" comes later
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        "NOT NULL" TEXT NOT NULL /* , c INT */ DEFAULT 'a, NOT NULL, ''b''',
        c VARCHAR(10, 2) CONSTRAINT "nn" NOT NULL ON CONFLICT ABORT DEFAULT -1 COLLATE NOCASE,
        [d] INT REFERENCES u(x) ON DELETE SET NULL ON UPDATE SET DEFAULT NOT DEFERRABLE INITIALLY DEFERRED NOT NULL,
        e AS (c || ', NOT NULL') STORED NOT NULL,
        `f` DEFAULT (max(1, 2)) NOT NULL CHECK (f IS NOT NULL),
        g NULL DEFAULT NULL,
        'h' TEXT DEFAULT x'00', "Weiße Größe" DOUBLE PRECISION NOT NULL,
        CONSTRAINT pk UNIQUE (c, d) CHECK (c IS NOT NULL), FOREIGN KEY (d) REFERENCES v
    ) STRICT, WITHOUT ROWID"#;

    #[test]
    fn columns_and_constraints_are_told_apart() {
        let table = TableText::parse(TABLE).unwrap();
        let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "id",
                "NOT NULL",
                "c",
                "d",
                "e",
                "f",
                "g",
                "h",
                "Weiße Größe"
            ]
        );
        assert_eq!(table.constraints.len(), 2);
        let clauses = |name: &str| -> Vec<Clause> {
            let column = table.column(name).unwrap();
            column.clauses.iter().map(|(clause, ..)| *clause).collect()
        };
        use Clause::*;
        assert_eq!(clauses("ID"), [PrimaryKey, NotNull]);
        assert_eq!(clauses("not null"), [NotNull, Default]);
        assert_eq!(clauses("c"), [NotNull, Default, Collate]);
        assert_eq!(clauses("d"), [References, NotNull]);
        assert_eq!(clauses("e"), [Generated, NotNull]);
        assert_eq!(clauses("f"), [Default, NotNull, Check]);
        assert_eq!(clauses("g"), [Null, Default]);
        assert_eq!(clauses("h"), [Default]);
        assert_eq!(clauses("Weiße Größe"), [NotNull]);
    }

    #[test]
    fn only_the_named_column_changes() {
        let loose = Edit::Constrain {
            not_null: false,
            default: None,
            checks: None,
        };
        let edited = edit(TABLE, "c", &loose).unwrap();
        assert!(
            edited.contains("c VARCHAR(10, 2) COLLATE NOCASE,"),
            "{edited}"
        );
        assert_eq!(
            edited.replace(
                "c VARCHAR(10, 2) COLLATE NOCASE,",
                "c VARCHAR(10, 2) CONSTRAINT \"nn\" NOT NULL ON CONFLICT ABORT DEFAULT -1 COLLATE NOCASE,"
            ),
            TABLE
        );
        let edited = edit(TABLE, "NOT NULL", &loose).unwrap();
        assert!(
            edited.contains("\"NOT NULL\" TEXT /* , c INT */,"),
            "{edited}"
        );
        let edited = edit(TABLE, "d", &loose).unwrap();
        assert!(edited.contains("INITIALLY DEFERRED,"), "{edited}");
    }

    #[test]
    fn a_constraint_is_added_at_the_end_of_the_column() {
        let strict = Edit::Constrain {
            not_null: true,
            default: Some("'it''s'".to_owned()),
            checks: None,
        };
        let sql = "CREATE TABLE t (a, \"b\" TEXT)";
        assert_eq!(
            edit(sql, "b", &strict).unwrap(),
            "CREATE TABLE t (a, \"b\" TEXT NOT NULL DEFAULT ('it''s'))"
        );
        assert_eq!(
            edit(sql, "a", &strict).unwrap(),
            "CREATE TABLE t (a NOT NULL DEFAULT ('it''s'), \"b\" TEXT)"
        );
    }

    #[test]
    fn checks_move() {
        let sql =
            "CREATE TABLE t (a CHECK (a > 0) DEFAULT 1 CONSTRAINT \"c d\" CHECK (a <> ')'), b)";
        let with = |checks: &[&str]| Edit::Constrain {
            not_null: false,
            default: None,
            checks: Some(checks.iter().map(|check| (*check).to_owned()).collect()),
        };
        assert_eq!(edit(sql, "a", &with(&[])).unwrap(), "CREATE TABLE t (a, b)");
        assert_eq!(
            edit(
                "CREATE TABLE t (a, b)",
                "b",
                &with(&["CHECK (b)", "CHECK (1)"])
            )
            .unwrap(),
            "CREATE TABLE t (a, b CHECK (b) CHECK (1))"
        );
        assert_eq!(
            check_of("CONSTRAINT \"c d\" CHECK (a <> ')')"),
            Some((Some("c d".to_owned()), "a <> ')'"))
        );
        assert_eq!(check_of("CHECK( a > (0) -- )\n )"), Some((None, "a > (0)")));
        assert!(has_check("a int CHECK (a)") && !has_check("a int DEFAULT 'CHECK'"));
    }

    #[test]
    fn a_definition_is_put_back_as_it_was() {
        let table = TableText::parse(TABLE).unwrap();
        let column = table.column("c").unwrap();
        let before = TABLE[column.start..column.end].to_owned();
        let loose = Edit::Constrain {
            not_null: false,
            default: None,
            checks: None,
        };
        let edited = edit(TABLE, "c", &loose).unwrap();
        assert_eq!(edit(&edited, "c", &Edit::Replace(before)).unwrap(), TABLE);
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            "CREATE TABLE t",
            "CREATE TABLE t (a",
            "CREATE TABLE t (,)",
            "CREATE TABLE t (a \"b)",
        ] {
            assert!(TableText::parse(wrong).is_err(), "{wrong}");
        }
        assert!(edit("CREATE TABLE t (a)", "b", &Edit::Replace(String::new())).is_err());
    }
}
