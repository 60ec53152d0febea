//! A way to a server that breaks where something becomes durable, and the client cannot know whether it has.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tempfile::TempDir;

use crate::postgres::PgDatabase;

/// What becomes of a statement that makes something durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It does not reach the server.
    Before,
    /// The server has done it, its answer does not reach the client.
    After,
}

/// Whether a message of the client makes something durable: a COMMIT, or a statement that commits by itself.
fn is_durable(message: &[u8]) -> bool {
    let index = b" INDEX CONCURRENTLY ";
    message.ends_with(b"Q\0\0\0\x0bCOMMIT\0")
        || message.starts_with(b"Q") && message.windows(index.len()).any(|part| part == index)
}

/// How many of them there were, and what is to become of which.
#[derive(Debug, Default)]
struct Orders {
    seen: usize,
    next: Option<(usize, Cut)>,
}

impl Orders {
    // what becomes of the one that comes now
    fn take(&mut self) -> Option<Cut> {
        let now = self.seen;
        self.seen += 1;
        self.next.take_if(|(at, _)| *at == now).map(|(_, cut)| cut)
    }
}

fn locked(orders: &Mutex<Orders>) -> MutexGuard<'_, Orders> {
    orders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket whose connections lead to a server, until they are cut.
#[derive(Debug)]
pub struct Proxy {
    folder: TempDir,
    orders: Arc<Mutex<Orders>>,
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
        let orders = Arc::new(Mutex::new(Orders::default()));
        let taken = Arc::clone(&orders);
        // Ends with the test process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = UnixStream::connect(&server) else {
                    return;
                };
                forward(client, server, Arc::clone(&taken));
            }
        });
        Proxy { folder, orders }
    }

    /// The address of the database by way of the proxy.
    pub fn url(&self, db: &PgDatabase) -> String {
        db.url_by(self.folder.path())
    }

    /// What cuts the next of them when it is called.
    pub fn cutter(&self) -> impl Fn(Cut) {
        let orders = Arc::clone(&self.orders);
        move |cut| {
            let mut orders = locked(&orders);
            orders.next = Some((orders.seen, cut));
        }
    }

    /// Cuts the n-th, counted from 0 over all connections.
    pub fn cut_at(&self, nth: usize, cut: Cut) {
        locked(&self.orders).next = Some((nth, cut));
    }

    /// How many there were.
    pub fn durable(&self) -> usize {
        locked(&self.orders).seen
    }

    /// Whether a cut was ordered that has not happened.
    pub fn is_armed(&self) -> bool {
        locked(&self.orders).next.is_some()
    }
}

fn forward(mut client: UnixStream, mut server: UnixStream, orders: Arc<Mutex<Orders>>) {
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
            let order = match is_durable(&buffer[..n]) {
                true => locked(&orders).take(),
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
