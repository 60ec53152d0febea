//! SQL expressions over columns of one table, cut so that a column can take another one's place.

use super::tokens::{places, tokens, Kind};
use crate::definition::Dialect;

/// An expression as the catalogue prints it, and what the database itself says of the columns in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expr {
    pieces: Vec<Piece>,
    /// The columns, each with how often it occurs.
    columns: Vec<(String, usize)>,
    /// The expression as the server holds it, with the columns by name; empty where there is no such thing.
    tree: Vec<Piece>,
    /// It takes the row as a whole.
    whole_row: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Sql(String),
    Column(String),
}

/// What the database knows of an expression besides its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pieces: Vec<Piece>,
    columns: Vec<(String, usize)>,
    whole_row: bool,
}

#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
impl Tree {
    /// Reads one of PostgreSQL's node trees; `columns`: attribute numbers and names.
    pub(crate) fn read(source: &str, columns: &[(i32, String)]) -> Self {
        // Strings in a tree have their blanks escaped, so this can be nothing else. An index, a constraint or a statistic is
        // over one relation, whose number is always 1.
        const VAR: &str = "{VAR :varno 1 :varattno ";
        let mut tree = Tree::default();
        let mut parts = source.split(VAR);
        tree.sql(parts.next().unwrap_or_default());
        for part in parts {
            let end = part
                .find(|c: char| c != '-' && !c.is_ascii_digit())
                .unwrap_or(part.len());
            let number: i32 = part[..end].parse().unwrap_or(0);
            tree.whole_row |= number == 0;
            let name = columns.iter().find(|(known, _)| *known == number);
            tree.sql(VAR);
            match name {
                Some((_, name)) => tree.mention(name),
                // a system column
                None => tree.sql(&part[..end]),
            }
            tree.sql(&part[end..]);
        }
        tree
    }

    /// The trees of a list.
    pub(crate) fn each(source: &str, columns: &[(i32, String)]) -> Vec<Self> {
        let (mut out, mut depth, mut start) = (Vec::new(), 0_u32, 0);
        let mut bytes = source.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                // a sign of a string in it
                b'\\' => {
                    bytes.next();
                }
                b'{' => {
                    if depth == 0 {
                        start = at;
                    }
                    depth += 1;
                }
                b'}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        out.push(Tree::read(&source[start..=at], columns));
                    }
                }
                _ => {}
            }
        }
        out
    }

    /// Columns alone, in any order.
    pub(crate) fn of_columns(names: &[String]) -> Self {
        let mut tree = Tree::default();
        names.iter().for_each(|name| tree.mention(name));
        tree.pieces.clear();
        tree
    }

    /// Both.
    pub(crate) fn and(mut self, other: Tree) -> Self {
        for (name, times) in other.columns {
            match self.columns.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known += times,
                None => self.columns.push((name, times)),
            }
        }
        self.pieces.extend(other.pieces);
        self.whole_row |= other.whole_row;
        self
    }

    fn mention(&mut self, name: &str) {
        match self.columns.iter_mut().find(|(known, _)| known == name) {
            Some((_, times)) => *times += 1,
            None => self.columns.push((name.to_owned(), 1)),
        }
        self.pieces.push(Piece::Column(name.to_owned()));
    }

    // without what depends on where something stood in the statement or how a cast was written, which PostgreSQL does not
    // compare either, and without the column's number a second time
    fn sql(&mut self, text: &str) {
        let mut kept = String::new();
        let mut words = text.split(' ').peekable();
        let mut first = true;
        while let Some(word) = words.next() {
            let of_text = word.starts_with(':') && word.ends_with("format");
            if of_text || matches!(word, ":location" | ":varattnosyn") {
                words.next();
                continue;
            }
            if !first {
                kept.push(' ');
            }
            first = false;
            kept.push_str(word);
        }
        self.pieces.push(Piece::Sql(kept));
    }
}

impl Expr {
    /// Cuts what the catalogue prints. `tree`: what the database says of the same expression.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn cut(text: &str, tree: Tree) -> Self {
        let names: Vec<&str> = tree.columns.iter().map(|(name, _)| name.as_str()).collect();
        // of what cannot be read no place is certain
        let pieces = pieces(text, Dialect::Postgres, &names, false);
        Expr {
            pieces: pieces.unwrap_or_else(|| vec![Piece::Sql(text.to_owned())]),
            columns: tree.columns,
            tree: tree.pieces,
            whole_row: tree.whole_row,
        }
    }

    /// Cuts what somebody wrote for SQLite, which keeps no other form of it. A column's place is certain only if its name
    /// stands nowhere else in the text: as that of a function, a type or a collation.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn written(text: &str, columns: &[&str]) -> Self {
        let dialect = Dialect::Sqlite;
        let mut tree = Tree::default();
        for token in tokens(text, dialect).unwrap_or_default() {
            if let Kind::Name { name, .. } = &token.kind {
                let column = columns
                    .iter()
                    .find(|column| dialect.same_name(column, name));
                column.into_iter().for_each(|column| tree.mention(column));
            }
        }
        let pieces = pieces(text, dialect, columns, true);
        let all = || columns.iter().map(|column| ((*column).to_owned(), 1));
        Expr {
            // what cannot be read may have any column in it
            columns: match pieces {
                Some(_) => tree.columns,
                None => all().collect(),
            },
            pieces: pieces.unwrap_or_else(|| vec![Piece::Sql(text.to_owned())]),
            tree: Vec::new(),
            whole_row: false,
        }
    }

    /// Whether the database says that the expression depends on the column.
    pub(crate) fn mentions(&self, column: &str, dialect: Dialect) -> bool {
        self.columns
            .iter()
            .any(|(name, _)| dialect.same_name(name, column))
    }

    /// Whether all places of the column were found: as many as the database knows of.
    pub(crate) fn is_certain_of(&self, column: &str, dialect: Dialect) -> bool {
        let same = |name: &str| dialect.same_name(name, column);
        let of_column = |piece: &&Piece| matches!(piece, Piece::Column(name) if same(name));
        let places = self.pieces.iter().filter(of_column).count();
        let known = self.columns.iter().find(|(name, _)| same(name));
        places == known.map_or(0, |(_, times)| *times)
    }

    /// Whether it takes the row as a whole, of which no column can be renamed.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn takes_whole_row(&self) -> bool {
        self.whole_row
    }

    /// The SQL.
    pub(crate) fn sql(&self, dialect: Dialect) -> String {
        join(&self.pieces, dialect)
    }

    /// The same over other columns.
    pub(crate) fn with_names(&self, name: &dyn Fn(&str) -> String) -> Self {
        let renamed = |pieces: &[Piece]| {
            let renamed = pieces.iter().map(|piece| match piece {
                Piece::Column(column) => Piece::Column(name(column)),
                sql => sql.clone(),
            });
            renamed.collect()
        };
        let columns = self.columns.iter();
        Expr {
            pieces: renamed(&self.pieces),
            columns: columns
                .map(|(column, times)| (name(column), *times))
                .collect(),
            tree: renamed(&self.tree),
            whole_row: self.whole_row,
        }
    }

    /// Whether the database holds both as one and the same.
    pub(crate) fn is_held_as(&self, other: &Expr) -> bool {
        let sorted = |expr: &Expr| {
            let mut columns = expr.columns.clone();
            columns.sort();
            columns
        };
        self.tree == other.tree && sorted(self) == sorted(other)
    }
}

/// SQL that somebody wrote, with other names for columns: those that stand in `names`.
pub(crate) fn rename(text: &str, dialect: Dialect, names: &[(&str, &str)]) -> Option<String> {
    let columns: Vec<&str> = names.iter().map(|(from, _)| *from).collect();
    let mut pieces = pieces(text, dialect, &columns, true)?;
    for piece in &mut pieces {
        if let Piece::Column(column) = piece {
            if let Some((_, to)) = names.iter().find(|(from, _)| from == column) {
                (*to).clone_into(column);
            }
        }
    }
    Some(join(&pieces, dialect))
}

fn join(pieces: &[Piece], dialect: Dialect) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Sql(sql) => out.push_str(sql),
            Piece::Column(column) => dialect.quote_into(column, &mut out),
        }
    }
    out
}

// `folded`: somebody wrote it, in whatever case; a catalogue prints a name that needs no quotes in small letters
fn pieces(text: &str, dialect: Dialect, columns: &[&str], folded: bool) -> Option<Vec<Piece>> {
    let tokens = tokens(text, dialect)?;
    let mut out: Vec<Piece> = Vec::new();
    for (token, may_be) in tokens.iter().zip(places(&tokens)) {
        let column = match &token.kind {
            Kind::Name { name, quoted } if may_be => columns.iter().find(|column| {
                let any_case = folded && (!quoted || dialect == Dialect::Sqlite);
                *name == ***column || (any_case && name.eq_ignore_ascii_case(column))
            }),
            _ => None,
        };
        match (column, out.last_mut()) {
            (Some(column), _) => out.push(Piece::Column((*column).to_owned())),
            (None, Some(Piece::Sql(sql))) => sql.push_str(token.text),
            (None, _) => out.push(Piece::Sql(token.text.to_owned())),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(text: &str, column: &str, times: usize) -> (bool, String) {
        let names = vec![column.to_owned(); times];
        let expr = Expr::cut(text, Tree::of_columns(&names));
        let new = expr.with_names(&|_| "neu".to_owned());
        let certain = expr.is_certain_of(column, Dialect::Postgres);
        (certain, new.sql(Dialect::Postgres))
    }

    #[test]
    fn only_columns_are_renamed() {
        for (text, column, times, wanted) in [
            ("((age >= 0))", "age", 1, "((\"neu\" >= 0))"),
            // a function, a type, a field, a parameter, a collation and literals of the same name
            (
                "(age(age) > '1 age'::age)",
                "age",
                1,
                "(age(\"neu\") > '1 age'::age)",
            ),
            ("((p).age > age)", "age", 1, "((p).age > \"neu\")"),
            ("f(age => age)", "age", 1, "f(age => \"neu\")"),
            ("(age COLLATE age)", "age", 1, "(\"neu\" COLLATE age)"),
            ("(age.age(age))", "age", 1, "(age.age(\"neu\"))"),
            (
                "(x::public.age = age)",
                "age",
                1,
                "(x::public.age = \"neu\")",
            ),
            // words of types and keywords
            (
                "((zone)::timestamp without time zone > at)",
                "zone",
                1,
                "((\"neu\")::timestamp without time zone > at)",
            ),
            (
                "((at AT TIME ZONE 'UTC'::text) > at)",
                "at",
                2,
                "((\"neu\" AT TIME ZONE 'UTC'::text) > \"neu\")",
            ),
            (
                "((x)::character varying(10) || varying)",
                "varying",
                1,
                "((x)::character varying(10) || \"neu\")",
            ),
            (
                "(EXTRACT(year FROM year) > (2000)::numeric)",
                "year",
                1,
                "(EXTRACT(year FROM \"neu\") > (2000)::numeric)",
            ),
            (
                "((a)::interval day to second(3) > day)",
                "day",
                1,
                "((a)::interval day to second(3) > \"neu\")",
            ),
            (
                "f((a)::interval, day, (b)::numeric(10,2), day)",
                "day",
                2,
                "f((a)::interval, \"neu\", (b)::numeric(10,2), \"neu\")",
            ),
            // a name in quotes, and a string that ends with a backslash
            (
                "(\"a\"\"b\" <> 'a\"b\\')",
                "a\"b",
                1,
                "(\"neu\" <> 'a\"b\\')",
            ),
            ("(\"Order\" > 'order')", "Order", 1, "(\"neu\" > 'order')"),
            (
                "CASE WHEN x THEN when_ ELSE NULL::\"char\" END",
                "when_",
                1,
                "CASE WHEN x THEN \"neu\" ELSE NULL::\"char\" END",
            ),
        ] {
            assert_eq!(
                renamed(text, column, times),
                (true, wanted.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_the_server_counts_differently_is_not_certain() {
        assert!(!renamed("((age >= 0))", "age", 2).0);
        assert!(!renamed("((years >= 0))", "age", 1).0);
    }

    #[test]
    fn a_tree_tells_the_columns_and_can_be_compared() {
        let columns = [(1, "a".to_owned()), (2, "b".to_owned())];
        let old = "({OPEXPR :args ({VAR :varno 1 :varattno 1 :vartype 25 :varattnosyn 1 :location 40} \
                   {CONST :constvalue 5 [ 1 2 ] :location -1}) :location 3} {VAR :varno 1 :varattno 0 :x 1})";
        let new = old
            .replace(":varattno 1", ":varattno 2")
            .replace(":varattnosyn 1", ":varattnosyn 2")
            .replace(":location 40", ":location 7");
        let (old, new) = (Tree::read(old, &columns), Tree::read(&new, &columns));
        assert!(old.whole_row);
        assert_eq!(old.columns, [("a".to_owned(), 1)]);
        let (old, new) = (Expr::cut("a", old), Expr::cut("b", new));
        assert!(old.with_names(&|_| "b".to_owned()).is_held_as(&new));
        assert!(!old.is_held_as(&new));
    }

    #[test]
    fn what_sqlite_was_given_is_read_by_its_rules() {
        let written = |text| Expr::written(text, &["email", "note"]);
        let text = "lower([Email]) <> 'email' AND `EMAIL` /* email */ > \"note\" -- email";
        let expr = written(text);
        assert!(expr.is_certain_of("email", Dialect::Sqlite));
        let new = expr.with_names(&|name| format!("{name}2"));
        assert_eq!(
            new.sql(Dialect::Sqlite),
            "lower(\"email2\") <> 'email' AND \"email2\" /* email */ > \"note2\" -- email"
        );
        assert!(!written("email(email)").is_certain_of("email", Dialect::Sqlite));
        assert!(!written("CAST(x AS email) || email").is_certain_of("email", Dialect::Sqlite));
        assert!(written("'never ends").mentions("note", Dialect::Sqlite));
        assert!(!written("'never ends").is_certain_of("note", Dialect::Sqlite));
    }

    #[test]
    fn a_list_is_cut_at_its_items() {
        let columns = [(1, "a".to_owned()), (2, "b".to_owned())];
        let one =
            |number| format!("{{F :name \\}}\\{{ :args ({{VAR :varno 1 :varattno {number} :x}})}}");
        let trees = Tree::each(&format!("({} {})", one(1), one(2)), &columns);
        let columns: Vec<_> = trees.into_iter().map(|tree| tree.columns).collect();
        assert_eq!(columns, [[("a".to_owned(), 1)], [("b".to_owned(), 1)]]);
    }

    #[test]
    fn a_written_expression_is_taken_in_any_case() {
        let names = [("age", "age_via"), ("Name", "via")];
        let renamed = rename(
            "AGE /* age */ > 0 AND \"Name\" <> $$age$$ AND \"AGE\" IS NULL",
            Dialect::Postgres,
            &names,
        );
        assert_eq!(
            renamed.as_deref(),
            Some("\"age_via\" /* age */ > 0 AND \"via\" <> $$age$$ AND \"AGE\" IS NULL")
        );
        assert_eq!(rename("'never ends", Dialect::Postgres, &names), None);
    }
}
