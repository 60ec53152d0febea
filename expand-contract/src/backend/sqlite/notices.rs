//! What SQLite's schema shows that the library cannot promise to get right.

use super::tokens::{mentions, tokens};
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
        if kind == "trigger" && fires_on_update(&sql, &table.name.name) {
            let object = format!("trigger `{name}`");
            out.push(Notice::new(NoticeKind::UpdateTrigger, object, ""));
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

// UPDATE without a list of columns, which could not name one that is not there yet
fn fires_on_update(sql: &str, table: &str) -> bool {
    let Ok(tokens) = tokens(sql) else {
        return true;
    };
    // no trigger can have one of these words for a name without quotes
    let events = ["DELETE", "INSERT", "UPDATE"];
    let event = tokens
        .iter()
        .position(|token| events.iter().any(|event| token.is(event)));
    let Some(event) =
        event.filter(|event| tokens.get(*event).is_some_and(|token| token.is("UPDATE")))
    else {
        return false;
    };
    let mut rest = tokens.iter().skip(event + 1);
    if !rest.next().is_some_and(|token| token.is("ON")) {
        return false;
    }
    rest.next()
        .and_then(|token| token.name())
        .is_some_and(|name| name.eq_ignore_ascii_case(table))
}
