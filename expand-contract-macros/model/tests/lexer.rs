//! The lexer, and which names are the column.

use expand_contract_model::sql::{cut, lex, Flaw, Grammar, Part};
use proptest::prelude::*;

const ALL: [Grammar; 3] = [Grammar::Any, Grammar::Postgres, Grammar::Sqlite];

/// The expression with `□` in the column's places.
fn over(column: &str, sql: &str, grammar: Grammar) -> Result<String, Flaw> {
    let parts = cut(sql, grammar, &[column], &[])?;
    Ok(parts
        .into_iter()
        .map(|part| match part {
            Part::Sql(sql) => sql,
            Part::Column => "□".to_owned(),
        })
        .collect())
}

#[track_caller]
fn same(column: &str, sql: &str, expected: &str, grammars: &[Grammar]) {
    for &grammar in grammars {
        assert_eq!(
            over(column, sql, grammar).as_deref(),
            Ok(expected),
            "{grammar:?}"
        );
    }
}

#[track_caller]
fn flaw(sql: &str, grammars: &[Grammar], expected: &Flaw) {
    for &grammar in grammars {
        assert_eq!(
            over("a", sql, grammar).as_ref(),
            Err(expected),
            "{grammar:?}"
        );
    }
}

#[test]
fn names_are_compared_as_the_database_does() {
    same(
        "a",
        "A || a || \"a\" || \"A\" || aa || a1 || _a || é.a",
        "□ || □ || □ || \"A\" || aa || a1 || _a || é.a",
        &ALL,
    );
    same(
        "größe",
        "größe + GRÖSSE + grÖße",
        "□ + GRÖSSE + grÖße",
        &ALL,
    );
    same("Weiße Größe", "\"Weiße Größe\" * 2", "□ * 2", &ALL);
    same("a\"b", "\"a\"\"b\"", "□", &ALL);
}

#[test]
fn strings_and_comments_are_no_names() {
    same(
        "a",
        "a || 'a''a' || E'a\\'a' /* a /* a */ */ -- a\n || a",
        "□ || 'a''a' || E'a\\'a' /* a /* a */ */ -- a\n || □",
        &[Grammar::Any, Grammar::Postgres],
    );
    same(
        "a",
        "$$ a ' $$ || $x$ $$ a $x$ || a",
        "$$ a ' $$ || $x$ $$ a $x$ || □",
        &[Grammar::Any, Grammar::Postgres],
    );
    same("a", "a /* /* a */", "□ /* /* a */", &[Grammar::Sqlite]);
    same("a", "'--' || a || '/*'", "'--' || □ || '/*'", &ALL);
    same("a", "a || 'ä\\'", "□ || 'ä\\'", &ALL);
}

#[test]
fn functions_types_and_qualified_names_are_not_the_column() {
    same(
        "a",
        "a(a) + a.a + x.a + a .b + a",
        "a(□) + a.a + x.a + a .b + □",
        &ALL,
    );
    same(
        "a",
        "CAST(a AS a) + a::a + a :: /* */ a",
        "CAST(□ AS a) + □::a + □ :: /* */ a",
        &ALL,
    );
    same(
        "date",
        "date + date '2026-01-01' + extract(date FROM date)",
        "□ + date '2026-01-01' + extract(date FROM □)",
        &ALL,
    );
    same(
        "secs",
        "make_interval(secs => secs)",
        "make_interval(secs => □)",
        &[Grammar::Any, Grammar::Postgres],
    );
    same("x", "x || x'00' || X'ff'", "□ || x'00' || X'ff'", &ALL);
    same("e", "e || e'\\''", "□ || e'\\''", &ALL);
    same("C", "\"C\" COLLATE \"C\"", "□ COLLATE \"C\"", &ALL);
    same("a", "(a).b", "(□).b", &ALL);
}

#[test]
fn reserved_words_are_the_column_only_in_quotes() {
    same(
        "end",
        "CASE WHEN \"end\" > 0 THEN 1 END",
        "CASE WHEN □ > 0 THEN 1 END",
        &ALL,
    );
    let error = over("end", "CASE WHEN end > 0 THEN 1 END", Grammar::Any).expect_err("never named");
    assert!(
        error.to_string().contains("write the column as `\"end\"`"),
        "{error}"
    );
}

#[test]
fn brackets_are_names_on_sqlite_and_arrays_on_postgresql() {
    same(
        "a",
        "[a] || `a`",
        "□ || □",
        &[Grammar::Any, Grammar::Sqlite],
    );
    same(
        "a",
        "CASE WHEN [a] THEN [a] ELSE [b] END",
        "CASE WHEN □ THEN □ ELSE [b] END",
        &[Grammar::Any, Grammar::Sqlite],
    );
    same(
        "a",
        "ARRAY[a, a[1:2][a]] || ARRAY[[a],[1]]",
        "ARRAY[□, □[1:2][□]] || ARRAY[[□],[1]]",
        &[Grammar::Any, Grammar::Postgres],
    );
    same("a", "(a)[1]", "(□)[1]", &[Grammar::Any, Grammar::Postgres]);
    flaw(
        "a[1",
        &[Grammar::Any, Grammar::Postgres],
        &Flaw::Unclosed('['),
    );
    flaw(
        "[a",
        &[Grammar::Any, Grammar::Sqlite],
        &Flaw::OpenIdentifier("[a".to_owned()),
    );
}

#[test]
fn numbers_end_where_they_end() {
    same(
        "e5",
        "1.5e-5 + 1e5+e5 - .5 + 0xe5-e5",
        "1.5e-5 + 1e5+□ - .5 + 0xe5-□",
        &ALL,
    );
}

#[test]
fn what_is_not_one_expression_is_refused() {
    flaw("", &ALL, &Flaw::Empty);
    flaw(" /* a */ ", &ALL, &Flaw::Empty);
    flaw("a; b", &ALL, &Flaw::Semicolon);
    flaw("(a; b)", &ALL, &Flaw::Semicolon);
    flaw("a, b", &ALL, &Flaw::Comma);
    flaw("(a", &ALL, &Flaw::Unclosed('('));
    flaw("a)", &ALL, &Flaw::Unopened(')'));
    flaw("(a[1)]", &[Grammar::Postgres], &Flaw::Unclosed('['));
    flaw("a || 'b", &ALL, &Flaw::OpenString("'b".to_owned()));
    flaw("a || E'\\'", &ALL, &Flaw::OpenString("E'\\'".to_owned()));
    flaw("a || \"b", &ALL, &Flaw::OpenIdentifier("\"b".to_owned()));
    flaw(
        "a || $x$ b $y$",
        &[Grammar::Any, Grammar::Postgres],
        &Flaw::OpenString("$x$ b $y$".to_owned()),
    );
    flaw(
        "a /* /* */",
        &[Grammar::Any, Grammar::Postgres],
        &Flaw::OpenComment,
    );
    flaw("a -- b", &ALL, &Flaw::TrailingLineComment);
    flaw("a\0", &ALL, &Flaw::Nul);
    flaw(
        "b",
        &ALL,
        &Flaw::NeverNames {
            column: "a".to_owned(),
        },
    );
}

#[test]
fn places_for_bound_values_are_refused() {
    let placeholder = |text: &str| Flaw::Placeholder(text.to_owned());
    flaw("a + $1", &ALL, &placeholder("$1"));
    flaw("a + ?", &[Grammar::Any, Grammar::Sqlite], &placeholder("?"));
    flaw(
        "a + ?2",
        &[Grammar::Any, Grammar::Sqlite],
        &placeholder("?2"),
    );
    flaw(
        "a + :b",
        &[Grammar::Any, Grammar::Sqlite],
        &placeholder(":b"),
    );
    flaw("a + @b", &[Grammar::Sqlite], &placeholder("@b"));
    flaw("a + $b", &ALL, &placeholder("$b"));
    same("a", "a ? 'key'", "□ ? 'key'", &[Grammar::Postgres]);
    same("a", "@ a", "@ □", &ALL);
}

#[test]
fn the_other_column_is_refused() {
    let found = cut("a + B", Grammar::Any, &["a"], &["b", "c"]);
    assert_eq!(
        found,
        Err(Flaw::NamesOther {
            found: "B".to_owned(),
            column: "a".to_owned()
        })
    );
    // Not as a function, nor in a string; and a name of both is the right one.
    assert!(cut("b(a) || 'b'", Grammar::Any, &["a"], &["b"]).is_ok());
    assert!(cut("checksum", Grammar::Any, &["Checksum"], &["checksum"]).is_ok());
}

fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "a", "A", "\"a\"", "\"", "'", "''", "E'", "\\", "$", "$$", "$a$", "$1", "?", ":", "::",
            "@", "[", "]", "(", ")", "`", "--", "\n", "/*", "*/", ".", ",", "1", "1e", "+", "-",
            "as", "AS ", "extract(", "from", "U&\"", "u&'", "ä", "€", " ", "=>", "ARRAY[", "x'",
            "\0", "|",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tokens_are_the_source(sql in soup()) {
        for grammar in ALL {
            if let Ok(tokens) = lex(&sql, grammar) {
                let whole: String = tokens.iter().map(|token| token.text).collect();
                prop_assert_eq!(&whole, &sql);
                prop_assert!(tokens.iter().all(|token| !token.text.is_empty()));
            }
        }
    }

    #[test]
    fn parts_are_the_source_around_mentions(sql in soup()) {
        for grammar in ALL {
            let Ok(parts) = cut(&sql, grammar, &["a"], &["ä"]) else { continue };
            let mut rest = sql.as_str();
            for part in &parts {
                let mentions = match part {
                    Part::Sql(text) => vec![text.as_str()],
                    Part::Column => vec!["\"a\"", "`a`", "[a]", "U&\"a\"", "u&\"a\"", "a", "A"],
                };
                let found = mentions.into_iter().find_map(|mention| rest.strip_prefix(mention));
                prop_assert!(found.is_some(), "{:?} at {:?}", part, rest);
                rest = found.unwrap_or_default();
            }
            prop_assert_eq!(rest, "");
            prop_assert!(!parts.windows(2).any(|pair| matches!(pair, [Part::Sql(_), Part::Sql(_)])));
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(sql in ".*") {
        for grammar in ALL {
            let _ = cut(&sql, grammar, &["a"], &[]);
        }
    }
}
