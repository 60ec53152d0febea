//! The instances: real processes that are started, found healthy, and told to go.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{mpsc, Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use rolling_deploy::api::{Request, Response};
use rolling_deploy::service::{address, Link};
use rolling_deploy::Failure;
use rustix::process::{kill_process, Pid, Signal};

use crate::stats::Source;

/// Where an instance is to be found.
#[derive(Debug)]
pub struct Endpoint {
    pub number: u32,
    pub release: Source,
    pub address: String,
}

/// Whom clients may ask: what a load balancer knows.
#[derive(Default)]
pub struct Routes {
    endpoints: RwLock<Vec<Arc<Endpoint>>>,
    version: AtomicU64,
    strangers: AtomicBool,
}

impl Routes {
    /// Changes whenever an instance comes or goes.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.endpoints
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn has(&self, number: u32) -> bool {
        self.endpoints().iter().any(|found| found.number == number)
    }

    pub fn strangers(&self) -> bool {
        self.strangers.load(Ordering::Acquire)
    }

    pub fn let_strangers(&self, write: bool) {
        self.strangers.store(write, Ordering::Release);
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Endpoint>>)) {
        let mut endpoints = self
            .endpoints
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut endpoints);
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// The programs.
pub struct Programs {
    pub release_n: PathBuf,
    pub release_n_plus_1: PathBuf,
}

/// A process; killed when dropped, which only happens to it when something went wrong.
struct Instance {
    child: Child,
    endpoint: Arc<Endpoint>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const HEALTHY: Duration = Duration::from_secs(30);
/// Clients that were just about to open a connection are let in.
const DEREGISTERED: Duration = Duration::from_millis(100);
const GONE: Duration = Duration::from_secs(30);

/// What runs the instances.
pub struct Orchestrator<'a> {
    programs: &'a Programs,
    url: &'a str,
    routes: &'a Routes,
    instances: Vec<Instance>,
    started: u32,
}

impl<'a> Orchestrator<'a> {
    pub fn new(programs: &'a Programs, url: &'a str, routes: &'a Routes) -> Self {
        Orchestrator {
            programs,
            url,
            routes,
            instances: Vec::new(),
            started: 0,
        }
    }

    /// Starts an instance, waits until it is healthy, and lets clients know.
    pub fn start(&mut self, release: Source) -> Result<(), Failure> {
        let mut command = match release {
            Source::ReleaseN => Command::new(&self.programs.release_n),
            _ => Command::new(&self.programs.release_n_plus_1),
        };
        command.args(["--url", self.url]);
        if release == Source::ReleaseNPlus1 {
            command.arg("serve");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the instance has no stdout")?;
        self.started += 1;
        let mut instance = Instance {
            child,
            endpoint: Arc::new(Endpoint {
                number: self.started,
                release,
                address: String::new(),
            }),
        };
        let (sender, line) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            sender.send(read.map(|_| line))
        });
        let line = line.recv_timeout(HEALTHY)??;
        let address = address(&line).ok_or_else(|| format!("{} did not start", release.name()))?;
        instance.endpoint = Arc::new(Endpoint {
            number: self.started,
            release,
            address: address.to_owned(),
        });
        let mut link = Link::open(address)?;
        match link.ask(&Request::Health)? {
            Response::Ready => {}
            other => return Err(format!("{} is not healthy: {other:?}", release.name()).into()),
        }
        let endpoint = Arc::clone(&instance.endpoint);
        self.routes.change(|endpoints| endpoints.push(endpoint));
        self.instances.push(instance);
        Ok(())
    }

    /// Takes the oldest instance of a release away from clients and tells it to go.
    pub fn stop(&mut self, release: Source) -> Result<(), Failure> {
        let oldest = self
            .instances
            .iter()
            .position(|instance| instance.endpoint.release == release)
            .ok_or_else(|| format!("no instance of {} is left", release.name()))?;
        let mut instance = self.instances.remove(oldest);
        let number = instance.endpoint.number;
        self.routes
            .change(|endpoints| endpoints.retain(|endpoint| endpoint.number != number));
        thread::sleep(DEREGISTERED);
        let pid = i32::try_from(instance.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or("the instance has no process id")?;
        kill_process(pid, Signal::TERM)?;
        let status = ends(&mut instance.child)?;
        if !status.success() {
            return Err(format!("{} did not end cleanly: {status}", release.name()).into());
        }
        Ok(())
    }

    /// A new instance of one release, and when it is healthy an old one of another goes.
    pub fn replace(&mut self, old: Source, new: Source) -> Result<(), Failure> {
        self.start(new)?;
        self.stop(old)
    }

    /// Tells all to go.
    pub fn stop_all(&mut self) -> Result<(), Failure> {
        while let Some(release) = self.instances.first().map(|first| first.endpoint.release) {
            self.stop(release)?;
        }
        Ok(())
    }

    /// How many instances of a release there are.
    pub fn count(&self, release: Source) -> usize {
        self.instances
            .iter()
            .filter(|instance| instance.endpoint.release == release)
            .count()
    }
}

fn ends(child: &mut Child) -> Result<ExitStatus, Failure> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > GONE {
            return Err("an instance ignores SIGTERM".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
}
