//! A way to a server that breaks at a COMMIT, where the client cannot know whether it happened.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tempfile::TempDir;

use crate::postgres::PgDatabase;

/// What becomes of the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It does not reach the server.
    Before,
    /// The server has done it, its answer does not reach the client.
    After,
}

/// The message by which libpq sends a COMMIT.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// A socket whose connections lead to a server, until they are cut.
#[derive(Debug)]
pub struct Proxy {
    folder: TempDir,
    next: Arc<Mutex<Option<Cut>>>,
}

impl Proxy {
    /// A proxy for the server of the database.
    ///
    /// # Panics
    ///
    /// When there can be no socket.
    pub fn to(db: &PgDatabase) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("expand-contract-proxy-")
            .tempdir_in("/tmp")
            .expect("a temporary folder can be created");
        let socket = |folder: &std::path::Path| folder.join(".s.PGSQL.5432");
        let listener = UnixListener::bind(socket(folder.path())).expect("a socket can be made");
        let server = socket(db.server().folder());
        let next = Arc::new(Mutex::new(None));
        let orders = Arc::clone(&next);
        // Ends with the test process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = UnixStream::connect(&server) else {
                    return;
                };
                forward(client, server, Arc::clone(&orders));
            }
        });
        Proxy { folder, next }
    }

    /// The address of the database by way of the proxy.
    pub fn url(&self, db: &PgDatabase) -> String {
        db.url_by(self.folder.path())
    }

    /// What cuts the next COMMIT when it is called.
    pub fn cutter(&self) -> impl Fn(Cut) {
        let next = Arc::clone(&self.next);
        move |cut| *next.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut)
    }

    /// Whether a cut was ordered that has not happened.
    pub fn is_armed(&self) -> bool {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.is_some()
    }
}

fn forward(mut client: UnixStream, mut server: UnixStream, orders: Arc<Mutex<Option<Cut>>>) {
    let ends = client
        .try_clone()
        .and_then(|c| Ok((c, server.try_clone()?)));
    let (mut to_client, mut from_server) = ends.expect("a socket can be shared");
    let cut_here = Arc::new(Mutex::new(false));
    let cut = Arc::clone(&cut_here);
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = from_server.read(&mut buffer) {
            // the answer to the COMMIT that was cut
            let cut = *cut.lock().unwrap_or_else(PoisonError::into_inner);
            if cut || to_client.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = client.read(&mut buffer) {
            let order = match buffer[..n].ends_with(COMMIT) {
                true => orders.lock().unwrap_or_else(PoisonError::into_inner).take(),
                false => None,
            };
            match order {
                Some(Cut::Before) => break,
                Some(Cut::After) => *cut_here.lock().unwrap_or_else(PoisonError::into_inner) = true,
                None => {}
            }
            if server.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
        let _ = client.shutdown(Shutdown::Both);
    });
}
