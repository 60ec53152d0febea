//! A server and the connection to it, without the connection's type.

use diesel::ConnectionResult;

use crate::backend::session::Session;
use crate::backend::ConnectionSession;
use crate::backend::RunnerConnection;
use crate::error::Error;

/// Connects when it is needed, and again after an error.
pub(super) trait Wire: Send {
    /// `work` with the connection.
    fn with(
        &mut self,
        whom: &str,
        work: &mut dyn FnMut(&mut dyn Session) -> Result<(), Error>,
    ) -> Result<(), Error>;
    /// The connection is of no more use.
    fn hang_up(&mut self);
}

pub(super) struct Line<C, F> {
    connect: F,
    conn: Option<C>,
}

impl<C, F> Line<C, F> {
    pub(super) fn new(connect: F) -> Self {
        Line {
            connect,
            conn: None,
        }
    }
}

impl<C, F> Wire for Line<C, F>
where
    C: RunnerConnection + 'static,
    F: FnMut() -> ConnectionResult<C> + Send,
{
    fn with(
        &mut self,
        whom: &str,
        work: &mut dyn FnMut(&mut dyn Session) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => {
                let conn = (self.connect)().map_err(|source| Error::Connection {
                    whom: whom.to_owned(),
                    source,
                })?;
                none.insert(conn)
            }
        };
        work(&mut ConnectionSession::new(conn, Vec::new()))
    }

    fn hang_up(&mut self) {
        self.conn = None;
    }
}
