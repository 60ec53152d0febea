//! Renames in place: what does not follow a column to its new name is found by trying it, in a transaction that is undone.
//!
//! `RENAME COLUMN` rewrites the texts of indexes, constraints, views, triggers and foreign keys that mention the column. A view
//! without a list of columns then gives its own column the new name as well, and breaks whoever reads it.

use super::File;
use crate::backend::driver::Driver;
use crate::backend::session::{transaction, Session, TextRow, BIND};
use crate::catalogue::Table;
use crate::error::{Error, Obstacle, While};

/// A view and the columns that it gives, or nothing where it does not work.
type Views = Vec<(String, Option<Vec<String>>)>;

/// `columns`: the name that each has and the one that it gets; `renames`: the statements.
pub(super) fn obstacles(
    s: &mut dyn Session,
    table: &Table,
    columns: &[(&str, &str)],
    renames: &[String],
) -> Result<Vec<Obstacle>, Error> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let obstacle = |kind: &str, name: &str| Obstacle::new(&names.join(", "), kind, name);
    let mut out = Vec::new();
    // an error is the only way out that undoes what was done
    let tried = transaction(s, |s| {
        // from the start: a reader cannot become a writer once somebody else has written
        File.settle(s)?;
        let before = views(s)?;
        for rename in renames {
            if let Err(error) = s.batch(rename) {
                out.push(obstacle("refusal of SQLite", &error.to_string()));
                return Err::<(), _>(undo());
            }
        }
        for (view, after) in views(s)? {
            let was = before.iter().find(|(name, _)| *name == view);
            match (was.and_then(|(_, was)| was.as_ref()), &after) {
                (Some(_), None) => out.push(obstacle("view, which no longer works", &view)),
                (Some(was), Some(after)) if was != after => {
                    out.push(obstacle("view, whose own column takes the new name", &view));
                }
                _ => {}
            }
        }
        Err(undo())
    });
    match tried {
        Err(Error::Unexpected { what }) if what == UNDONE => Ok(out),
        Err(error) => Err(error),
        Ok(()) => Err(Error::Unexpected {
            what: format!("{} was renamed to try it", table.name),
        }),
    }
}

const UNDONE: &str = "a rename was only tried";

fn undo() -> Error {
    Error::Unexpected {
        what: UNDONE.to_owned(),
    }
}

fn views(s: &mut dyn Session) -> Result<Views, Error> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name";
    let rows = s.rows(sql, &[]).during("looking for views")?;
    let names = rows.into_iter().flatten().flatten();
    Ok(names
        .map(|view| {
            let columns = format!("SELECT name FROM pragma_table_info({BIND}) ORDER BY cid");
            let found = s.rows(&columns, &[Some(view.clone())]);
            let texts = |rows: Vec<TextRow>| rows.into_iter().flatten().flatten().collect();
            (view, found.ok().map(texts))
        })
        .collect())
}
