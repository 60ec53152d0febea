//! What SQLite's schema shows that the library cannot promise to get right.

use super::tokens::mentions;
use crate::backend::mirror::PREFIX;
use crate::backend::session::Session;
use crate::catalogue::Table;
use crate::error::{Error, While};
use crate::notice::{Notice, NoticeKind};
use crate::text::whole_row;

pub(super) fn notices(
    s: &mut dyn Session,
    table: &Table,
    _columns: &[&str],
) -> Result<Vec<Notice>, Error> {
    // what names the column is an obstacle
    let sql = format!(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('view', 'trigger') \
         AND substr(name, 1, {}) <> '{PREFIX}' ORDER BY type, name",
        PREFIX.len()
    );
    let objects = s
        .rows(&sql, &[])
        .during("looking for views and triggers that take whole rows")?;
    let mut out = Vec::new();
    for object in objects {
        let mut object = object.into_iter().map(Option::unwrap_or_default);
        let mut next = || object.next().unwrap_or_default();
        let (kind, name, sql) = (next(), next(), next());
        if !mentions(&sql, &table.name.name) {
            continue;
        }
        let Some(found) = whole_row(&sql, &table.name.name) else {
            continue;
        };
        let notice = match kind.as_str() {
            "view" => NoticeKind::View,
            _ => NoticeKind::WholeRow,
        };
        out.push(Notice::new(notice, format!("{kind} `{name}`"), found));
    }
    Ok(out)
}
