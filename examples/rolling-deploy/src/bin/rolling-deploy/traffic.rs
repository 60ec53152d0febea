//! The clients: they never stop, and hold against the history what they are told.

use std::collections::hash_map::Entry;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use diesel::RunQueryDsl;
use fastrand::Rng;
use rolling_deploy::api::{Account, Request, Response};
use rolling_deploy::history::{contact, name, By, History};
use rolling_deploy::service::{Link, Store};
use rolling_deploy::Failure;

use crate::fleet::{Endpoint, Routes};
use crate::stats::{Source, Started, Stats};
use crate::stranger::Stranger;

/// What all clients share.
pub struct Traffic<'a> {
    pub routes: &'a Routes,
    pub history: &'a History,
    pub stats: &'a Stats,
    pub url: &'a str,
    /// How many writers there are: each key belongs to one.
    pub writers: u64,
    pub seed: u64,
    /// Between the rounds of a client: what else people and processors have to do.
    pub pause: Duration,
    /// Strangers bypass the triggers, to see the checker find out.
    pub bypass: AtomicBool,
    pub stop: AtomicBool,
}

/// Half of the traffic goes to so many keys, so that readers meet writers.
const HOT: u64 = 64;

struct Client<'a> {
    traffic: &'a Traffic<'a>,
    links: HashMap<u32, Link>,
    version: u64,
    stranger: Option<Stranger>,
    bypassing: bool,
    rng: Rng,
}

/// Somebody to ask, reachable when it was chosen.
enum Route {
    Instance(Arc<Endpoint>),
    Stranger,
}

impl Route {
    fn source(&self) -> Source {
        match self {
            Route::Instance(endpoint) => endpoint.release,
            Route::Stranger => Source::Stranger,
        }
    }
}

impl Traffic<'_> {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn client(&self, number: u64) -> Client<'_> {
        Client {
            traffic: self,
            links: HashMap::new(),
            version: 0,
            stranger: None,
            bypassing: false,
            rng: Rng::with_seed(self.seed.wrapping_mul(1_000).wrapping_add(number)),
        }
    }

    /// Writes keys of its own through whoever is there, and reads each write back through both releases and strangers.
    pub fn write(&self, writer: u64) {
        let mut client = self.client(writer);
        while !self.stopped() {
            let id = client.pick(writer, self.writers);
            client.write(id);
            for source in Source::ALL {
                client.read(id, Some(source));
            }
            thread::sleep(self.pause);
        }
    }

    /// Reads any key from whoever is there.
    pub fn read(&self, reader: u64) {
        let mut client = self.client(self.writers + reader);
        while !self.stopped() {
            let id = client.pick(0, 1);
            client.read(id, None);
            thread::sleep(self.pause);
        }
    }
}

impl Client<'_> {
    // a key that leaves the remainder `rest` divided by `of`
    fn pick(&mut self, rest: u64, of: u64) -> i64 {
        let keys = u64::try_from(self.traffic.history.keys()).unwrap_or(u64::MAX);
        let below = if self.rng.bool() { HOT.min(keys) } else { keys };
        let key = self.rng.u64(0..below / of) * of + rest;
        i64::try_from(key).unwrap_or(i64::MAX)
    }

    fn write(&mut self, id: i64) {
        let (history, stats) = (self.traffic.history, self.traffic.stats);
        let Some(route) = self.route(None) else {
            return;
        };
        let (_, state) = history.now(id);
        let revision = history.next_revision(id);
        let account = |contact: String| Account {
            id,
            name: name(id),
            contact,
            revision,
        };
        let another = contact(id, revision);
        let (request, leaves) = match (state, self.rng.u32(0..100)) {
            (None, 0..50) => (Request::Insert(account(another.clone())), Some(another)),
            (None, _) => (Request::Upsert(account(another.clone())), Some(another)),
            (Some(_), 0..25) => (Request::Update(account(another.clone())), Some(another)),
            (Some(_), 25..50) => (
                Request::Rename {
                    id,
                    contact: another.clone(),
                    revision,
                },
                Some(another),
            ),
            (Some(same), 50..65) => (Request::Touch { id, revision }, Some(same)),
            (Some(same), 65..88) => (Request::Upsert(account(same.clone())), Some(same)),
            (Some(_), _) => (Request::Delete { id }, None),
        };
        history.begin(id, leaves);
        let (started, response) = self.ask(&route, &request);
        let who = route.source().name();
        match response {
            Ok(Response::Row(row)) => {
                let verdict = history.judge_returned(id, row.as_ref());
                stats.judged(started, verdict, || {
                    format!("{who} answered {request:?} with {row:?}")
                });
            }
            Ok(Response::Deleted(1)) => {}
            Ok(Response::Deleted(rows)) => {
                stats.judged(started, rolling_deploy::history::Verdict::Lost, || {
                    format!("{who} deleted {rows} rows by {request:?}")
                });
            }
            Ok(other) => {
                return stats.failed(started, || format!("{who}, {request:?}: {other:?}"));
            }
            Err(error) => return stats.failed(started, || format!("{who}, {request:?}: {error}")),
        }
        history.acknowledge(id);
    }

    // by key, or by the contact that it had last
    fn read(&mut self, id: i64, of: Option<Source>) {
        let (history, stats) = (self.traffic.history, self.traffic.stats);
        let Some(route) = self.route(of) else {
            return;
        };
        let (since, contact) = history.now(id);
        let by = match contact {
            Some(contact) if self.rng.bool() => By::Contact(contact),
            _ => By::Key,
        };
        let request = match &by {
            By::Key => Request::Find { id },
            By::Contact(contact) => Request::FindByContact {
                contact: contact.clone(),
            },
        };
        let (started, response) = self.ask(&route, &request);
        let who = route.source().name();
        match response {
            Ok(Response::Row(row)) => {
                let verdict = history.judge(id, since, &by, row.as_ref());
                stats.judged(started, verdict, || {
                    format!("{who} answered {request:?} with {row:?}, after {since:?}")
                });
            }
            Ok(other) => stats.failed(started, || format!("{who}, {request:?}: {other:?}")),
            Err(error) => stats.failed(started, || format!("{who}, {request:?}: {error}")),
        }
    }

    /// Somebody of the source (of any) who is there.
    fn route(&mut self, of: Option<Source>) -> Option<Route> {
        let routes = self.traffic.routes;
        if self.version != routes.version() {
            self.version = routes.version();
            self.links.retain(|number, _| routes.has(*number));
        }
        let mut endpoints = routes.endpoints();
        endpoints.retain(|endpoint| of.is_none_or(|source| source == endpoint.release));
        let strangers = routes.strangers() && of.is_none_or(|source| source == Source::Stranger);
        let choice = self
            .rng
            .usize(0..(endpoints.len() + usize::from(strangers)).max(1));
        let Some(endpoint) = endpoints.get(choice) else {
            return strangers.then_some(Route::Stranger);
        };
        if let Entry::Vacant(place) = self.links.entry(endpoint.number) {
            match Link::open(&endpoint.address) {
                Ok(link) => {
                    place.insert(link);
                }
                // it went in this moment, as its route did
                Err(_) if !routes.has(endpoint.number) => return None,
                Err(error) => {
                    let started = self.traffic.stats.start();
                    self.traffic.stats.failed(started, || {
                        format!("{} cannot be reached: {error}", endpoint.release.name())
                    });
                    return None;
                }
            }
        }
        Some(Route::Instance(Arc::clone(endpoint)))
    }

    fn ask(&mut self, route: &Route, request: &Request) -> (Started, Result<Response, Failure>) {
        let started = self.traffic.stats.start();
        let response = match route {
            Route::Instance(endpoint) => match self.links.get_mut(&endpoint.number) {
                Some(link) => link.ask(request),
                None => Err("the connection is gone".into()),
            },
            Route::Stranger => self.ask_stranger(request),
        };
        self.traffic.stats.answered(started, route.source());
        if let (Route::Instance(endpoint), Err(_)) = (route, &response) {
            self.links.remove(&endpoint.number);
        }
        (started, response)
    }

    fn ask_stranger(&mut self, request: &Request) -> Result<Response, Failure> {
        let stranger = match &mut self.stranger {
            Some(stranger) => stranger,
            None => self.stranger.insert(Stranger::connect(self.traffic.url)?),
        };
        if !self.bypassing && self.traffic.bypass.load(Ordering::Relaxed) {
            diesel::sql_query("SET session_replication_role = replica").execute(&mut stranger.0)?;
            self.bypassing = true;
        }
        Ok(stranger.answer(request.clone()))
    }
}
