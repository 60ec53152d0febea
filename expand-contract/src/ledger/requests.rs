//! What operators ask of runs from outside: requests that stand until they are lifted, and those that did.

use super::store::{text, Fields, Ledger};
use crate::backend::session::{Session, BIND};
use crate::error::{Error, While};
use crate::request::{Request, RequestKind};

impl Ledger {
    /// The request that stands, if there is one.
    pub(crate) fn request(&self, s: &mut dyn Session) -> Result<Option<Request>, Error> {
        let sql = format!(
            "SELECT kind, reason, requested_by, CAST(requested_at AS text) FROM {} WHERE {} AND lifted_at IS NULL \
             ORDER BY request DESC LIMIT 1",
            self.table("requests"),
            self.me()
        );
        let rows = s.rows(&sql, &[self.id()]).during("reading requests")?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut row = Fields::new(row);
        let name = row.text();
        let kind = RequestKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            // a later release's: what it asks is not known, so nothing may go on
            .unwrap_or(RequestKind::Cancel);
        Ok(Some(Request {
            kind,
            reason: row.text(),
            by: row.text(),
            at: row.text(),
        }))
    }

    /// Makes a request, in the place of one that stands.
    pub(crate) fn ask(
        &self,
        s: &mut dyn Session,
        kind: RequestKind,
        by: &str,
        reason: &str,
    ) -> Result<(), Error> {
        self.lift(s, by)?;
        let sql = format!(
            "INSERT INTO {} (id, kind, reason, requested_by, generation) VALUES ({BIND}, {BIND}, {BIND}, {BIND}, {})",
            self.table("requests"),
            self.def.generation
        );
        let binds = [self.id(), text(kind.as_str()), text(reason), text(by)];
        s.execute(&sql, &binds).during("recording a request")?;
        Ok(())
    }

    /// Lifts the request that stands; it stays on record. Whether there was one.
    pub(crate) fn lift(&self, s: &mut dyn Session, by: &str) -> Result<bool, Error> {
        let sql = format!(
            "UPDATE {} SET lifted_by = {BIND}, lifted_at = CURRENT_TIMESTAMP WHERE {} AND lifted_at IS NULL",
            self.table("requests"),
            self.me()
        );
        let lifted = s.execute(&sql, &[text(by), self.id()]);
        Ok(lifted.during("lifting a request")? > 0)
    }
}
