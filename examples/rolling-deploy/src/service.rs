//! The frame of an instance, as any service has one: it listens, answers each client over a database connection of the
//! client's own, and after SIGTERM takes no new clients and ends when the last one has left.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::api::{Account, Request, Response};
use crate::Failure;

/// How a release does what it is asked. That there is no such row is no error.
pub trait Store: Sized {
    fn connect(url: &str) -> Result<Self, Failure>;
    fn ping(&mut self) -> Result<(), Failure>;
    fn insert(&mut self, account: Account) -> Result<Option<Account>, Failure>;
    fn update(&mut self, account: Account) -> Result<Option<Account>, Failure>;
    fn rename(&mut self, id: i64, contact: &str, revision: i64)
        -> Result<Option<Account>, Failure>;
    fn touch(&mut self, id: i64, revision: i64) -> Result<Option<Account>, Failure>;
    fn upsert(&mut self, account: Account) -> Result<Option<Account>, Failure>;
    fn delete(&mut self, id: i64) -> Result<usize, Failure>;
    fn find(&mut self, id: i64) -> Result<Option<Account>, Failure>;
    fn find_by_contact(&mut self, contact: &str) -> Result<Option<Account>, Failure>;

    fn answer(&mut self, request: Request) -> Response {
        let row = match request {
            Request::Health => match self.ping() {
                Ok(()) => return Response::Ready,
                Err(error) => Err(error),
            },
            Request::Delete { id } => match self.delete(id) {
                Ok(rows) => return Response::Deleted(rows),
                Err(error) => Err(error),
            },
            Request::Insert(account) => self.insert(account),
            Request::Update(account) => self.update(account),
            Request::Rename {
                id,
                contact,
                revision,
            } => self.rename(id, &contact, revision),
            Request::Touch { id, revision } => self.touch(id, revision),
            Request::Upsert(account) => self.upsert(account),
            Request::Find { id } => self.find(id),
            Request::FindByContact { contact } => self.find_by_contact(&contact),
        };
        row.map_or_else(|error| Response::Failed(error.to_string()), Response::Row)
    }
}

/// How long clients may stay after SIGTERM.
const DRAIN: Duration = Duration::from_secs(20);
const LISTENING: &str = "listening on ";

/// The address in the line with which an instance says that it serves.
pub fn address(line: &str) -> Option<&str> {
    line.trim().strip_prefix(LISTENING)
}

/// Serves until SIGTERM, or until standard input is closed: an instance does not outlive whoever started it.
pub fn serve<S: Store>(url: &str) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stop))?;
    let orphan = Arc::clone(&stop);
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        orphan.store(true, Ordering::Relaxed);
    });

    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    println!("{LISTENING}{}", listener.local_addr()?);
    io::stdout().flush()?;

    let mut clients = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((client, _)) => {
                let url = url.to_owned();
                clients.push(thread::spawn(move || {
                    // a client that goes in the middle of a line is the client's business
                    let _ = attend::<S>(client, &url);
                }));
            }
            // polled, so that the signal is seen
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
        clients.retain(|client| !client.is_finished());
    }
    drop(listener);
    let deadline = Instant::now() + DRAIN;
    while clients.iter().any(|client| !client.is_finished()) {
        if Instant::now() > deadline {
            return Err("clients stayed connected after SIGTERM".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn attend<S: Store>(client: TcpStream, url: &str) -> Result<(), Failure> {
    client.set_nonblocking(false)?;
    client.set_nodelay(true)?;
    let mut answers = client.try_clone()?;
    let mut store = S::connect(url);
    for line in BufReader::new(client).lines() {
        let request = serde_json::from_str(&line?)?;
        let response = match &mut store {
            Ok(store) => store.answer(request),
            Err(error) => Response::Failed(format!("no connection to the database: {error}")),
        };
        let mut line = serde_json::to_vec(&response)?;
        line.push(b'\n');
        answers.write_all(&line)?;
    }
    Ok(())
}

/// A client's end of the connection.
pub struct Link {
    requests: TcpStream,
    answers: BufReader<TcpStream>,
}

impl Link {
    /// Refused by an instance that does not listen, or not any more.
    pub fn open(address: &str) -> io::Result<Self> {
        let requests = TcpStream::connect(address)?;
        requests.set_nodelay(true)?;
        requests.set_read_timeout(Some(Duration::from_secs(60)))?;
        let answers = BufReader::new(requests.try_clone()?);
        Ok(Link { requests, answers })
    }

    /// Sends the request and waits for the answer.
    pub fn ask(&mut self, request: &Request) -> Result<Response, Failure> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.requests.write_all(&line)?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer)? == 0 {
            return Err("the instance hung up".into());
        }
        Ok(serde_json::from_str(&answer)?)
    }
}
