//! Starting, asking and stopping a simulated OZmap.
//!
//! ```text
//! SimulatedOzmap ──watch: stop──▶ server task ──▶ connections (each ends when told to stop)
//!       └────────── Arc<App> ◀───────┘
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::connection::{FaultyListener, Line, stopped};
use super::elements::Element;
use super::error::SimError;
use super::faults::{Fault, FaultCount, Faults};
use super::model::ObjectId;
use super::record::{Record, RecordedRequest, TokenUse, WriteCount, WriteKind};
use super::seed::{self, Population};
use super::store::{ClientView, Sight, StatusChange, Store};
use super::{control, routes};
use crate::model::Timestamp;

/// How long [`SimulatedOzmap::stop`] waits for connections to end before it drops the server.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Tokens of logins that are good at a time; the oldest makes room.
const MAX_LOGIN_TOKENS: usize = 64;

/// A token and what it may do.
#[derive(Debug, Clone)]
pub struct TokenGrant {
    /// The token, as it stands in `Authorization`.
    pub token: SecretString,
    /// The names of the projects that it sees; `None`: all of them.
    pub projects: Option<Vec<String>>,
    /// Whether its writes are 403.
    pub read_only: bool,
}

impl TokenGrant {
    /// A token that sees and may change everything.
    pub fn new(token: impl Into<String>) -> Self {
        Self { token: SecretString::from(token.into()), projects: None, read_only: false }
    }
}

/// A user of `POST /users/login`; each login gives a new token that sees and may change everything.
#[derive(Debug, Clone)]
pub struct LoginAccount {
    /// The login name.
    pub login: String,
    /// The password.
    pub password: SecretString,
}

/// How a simulated OZmap is started.
#[derive(Debug, Clone)]
pub struct OzmapOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The tokens that are good.
    pub tokens: Vec<TokenGrant>,
    /// The users that may log in.
    pub logins: Vec<LoginAccount>,
    /// What it holds.
    pub populations: Vec<Population>,
    /// What goes wrong from the start.
    pub faults: Vec<Fault>,
    /// Draws the faults' fortune.
    pub seed: u64,
    /// How many requests are kept on record.
    pub record: usize,
}

impl OzmapOptions {
    /// On a free port of the loopback, empty, without faults, with one token.
    pub fn new(token: impl Into<String>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tokens: vec![TokenGrant::new(token)],
            logins: Vec::new(),
            populations: Vec::new(),
            faults: Vec::new(),
            seed: 0,
            record: 20_000,
        }
    }

    /// Adds clients.
    #[must_use]
    pub fn with(mut self, population: Population) -> Self {
        self.populations.push(population);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

/// What the server and the handle share. No lock is held while another is taken.
#[derive(Debug)]
pub(super) struct App {
    started: Instant,
    store: Mutex<Store>,
    faults: Mutex<Faults>,
    record: Mutex<Record>,
    access: Mutex<Access>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here leaves a half-made state behind; a panic elsewhere is that place's to tell.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    /// The store, after what another integration has done meanwhile.
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        let due = self.faults().due_flips(self.elapsed());
        let mut store = lock(&self.store);
        for (clients, mut random) in due {
            store.flip_statuses(clients, &mut random, now());
        }
        store
    }

    /// Replaces all faults.
    pub(super) fn set_faults(&self, faults: Vec<Fault>) {
        let now = self.elapsed();
        self.faults().set(faults, now);
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }

    pub(super) fn access(&self) -> MutexGuard<'_, Access> {
        lock(&self.access)
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The clock of rows.
pub(super) fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// What a good token may do.
#[derive(Debug, Clone, Default)]
pub(super) struct Grant {
    projects: Option<Arc<BTreeSet<ObjectId>>>,
    pub(super) read_only: bool,
}

impl Grant {
    pub(super) fn sight(&self) -> Sight<'_> {
        self.projects.as_deref()
    }
}

/// Tokens and users.
#[derive(Debug)]
pub(super) struct Access {
    tokens: Vec<Known>,
    known: usize,
    logins: Vec<LoginAccount>,
}

#[derive(Debug)]
struct Known {
    number: usize,
    token: SecretString,
    grant: Grant,
    by_login: bool,
}

impl Access {
    fn new(options: &OzmapOptions, store: &Store) -> Result<Self, SimError> {
        if options.tokens.is_empty() && options.logins.is_empty() {
            return Err(SimError::NoToken);
        }
        let mut access = Self { tokens: Vec::new(), known: 0, logins: options.logins.clone() };
        for (index, grant) in options.tokens.iter().enumerate() {
            let token = grant.token.expose_secret();
            if token.is_empty() || !token.bytes().all(|octet| octet.is_ascii_graphic()) {
                return Err(SimError::BadToken { position: index + 1 });
            }
            let projects = match &grant.projects {
                None => None,
                Some(names) => Some(Arc::new(projects_of(names, store)?)),
            };
            access.add(grant.token.clone(), Grant { projects, read_only: grant.read_only }, false);
        }
        Ok(access)
    }

    fn add(&mut self, token: SecretString, grant: Grant, by_login: bool) {
        self.known += 1;
        self.tokens.push(Known { number: self.known, token, grant, by_login });
    }

    /// What the value of an `Authorization` header is worth: the token alone, or after `Bearer`.
    pub(super) fn check(&self, header: Option<&[u8]>) -> (TokenUse, Option<Grant>) {
        let Some(header) = header else { return (TokenUse::Missing, None) };
        let sent = match header.split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest.trim_ascii(),
            _ => header,
        };
        match self.tokens.iter().find(|known| known.token.expose_secret().as_bytes() == sent) {
            Some(known) => (TokenUse::Accepted(known.number), Some(known.grant.clone())),
            None => (TokenUse::Refused, None),
        }
    }

    /// A new token for a user with that password.
    pub(super) fn login(&mut self, login: &str, password: &str) -> Option<SecretString> {
        self.logins.iter().find(|user| user.login == login && user.password.expose_secret() == password)?;
        let mut random = fastrand::Rng::new();
        let token = SecretString::from(format!("sim.{:016x}.{:016x}", random.u64(..), random.u64(..)));
        self.add(token.clone(), Grant { projects: None, read_only: false }, true);
        if self.tokens.iter().filter(|known| known.by_login).count() > MAX_LOGIN_TOKENS
            && let Some(oldest) = self.tokens.iter().position(|known| known.by_login)
        {
            self.tokens.remove(oldest);
        }
        Some(token)
    }
}

fn projects_of(names: &[String], store: &Store) -> Result<BTreeSet<ObjectId>, SimError> {
    let find = |name: &String| {
        store.projects.iter().find(|project| project.name == *name).map(|project| project.id).ok_or_else(|| {
            let known: Vec<&str> = store.projects.iter().map(|project| project.name.as_str()).collect();
            SimError::UnknownProject { name: name.clone(), known: known.join(", ") }
        })
    };
    names.iter().map(find).collect()
}

/// A running simulated OZmap; it stops when it is dropped.
pub struct SimulatedOzmap {
    address: SocketAddr,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<()>>,
}

impl fmt::Debug for SimulatedOzmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedOzmap").field("address", &self.address).finish_non_exhaustive()
    }
}

impl SimulatedOzmap {
    /// Starts one on the current runtime. When this returns, it accepts connections.
    ///
    /// # Errors
    /// [`SimError`]: the address cannot be had, or the options contradict themselves.
    pub async fn start(options: OzmapOptions) -> Result<Self, SimError> {
        let store = seed::build(&options.populations)?;
        let access = Access::new(&options, &store)?;
        let bind = |source| SimError::Bind { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let app = Arc::new(App {
            started: Instant::now(),
            store: Mutex::new(store),
            faults: Mutex::new(Faults::new(options.faults, options.seed)),
            record: Mutex::new(Record::new(options.record)),
            access: Mutex::new(access),
        });
        let router = routes::router(Arc::clone(&app)).merge(control::router(Arc::clone(&app)));
        let (stop, told) = watch::channel(false);
        let listener = FaultyListener::new(listener, told.clone());
        let service = router.into_make_service_with_connect_info::<Line>();
        let serve = axum::serve(listener, service).with_graceful_shutdown(stopped(told));
        let server = tokio::spawn(async move {
            if let Err(error) = serve.await {
                tracing::error!(%error, %address, "simulated OZmap: the server ended");
            }
        });
        Ok(Self { address, app, stop, server: Some(server) })
    }

    /// Where it listens, with the port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL, without `/api/v2`: `http://127.0.0.1:9994`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that are on record, oldest first; those of the control endpoint are not.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.app.record().since(0)
    }

    /// The requests that came after the one with that number.
    #[must_use]
    pub fn requests_since(&self, number: u64) -> Vec<RecordedRequest> {
        self.app.record().since(number)
    }

    /// How many requests came, kept on record or not.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.app.record().total()
    }

    /// How many requests came that would change something, whatever became of them.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.write_counts().iter().map(|count| count.asked).sum()
    }

    /// How many of [`writes`](Self::writes) had their effect, also when the answer was spoilt on its way.
    #[must_use]
    pub fn applied_writes(&self) -> u64 {
        self.write_counts().iter().map(|count| count.applied).sum()
    }

    /// The writes by kind, in the order of [`WriteKind::ALL`].
    #[must_use]
    pub fn write_counts(&self) -> [WriteCount; WriteKind::ALL.len()] {
        self.app.record().writes()
    }

    /// The writes of one kind.
    #[must_use]
    pub fn writes_of(&self, kind: WriteKind) -> WriteCount {
        let none = WriteCount { kind, asked: 0, applied: 0 };
        self.write_counts().into_iter().find(|count| count.kind == kind).unwrap_or(none)
    }

    /// Replaces all faults; their counts start again.
    pub fn set_faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.app.set_faults(faults.into_iter().collect());
    }

    /// The faults with how often each happened.
    #[must_use]
    pub fn fault_counts(&self) -> Vec<FaultCount> {
        self.app.faults().counts()
    }

    /// Every client, in the order of their identifiers.
    #[must_use]
    pub fn clients(&self) -> Vec<ClientView> {
        let store = self.app.store();
        store.clients(None).map(|client| store.view(client)).collect()
    }

    /// What every client shows, 0 for OK and 1 for ERROR, in the order of their identifiers: cheaper than
    /// [`clients`](Self::clients).
    #[must_use]
    pub fn statuses(&self) -> Vec<(ObjectId, u8)> {
        self.app.store().clients(None).map(|client| (client.id, client.status)).collect()
    }

    /// Every change of a status after the one of that number, oldest first, whoever did it; the last 200,000 are kept.
    #[must_use]
    pub fn changes_since(&self, number: u64) -> Vec<StatusChange> {
        self.app.store().changes_since(number)
    }

    /// The pendencies as rows of `/pendencies` show them, in the order in which they were made.
    #[must_use]
    pub fn pendencies(&self) -> Vec<Value> {
        self.app.store().pendencies.iter().map(|mark| Element::Mark(mark).render()).collect()
    }

    /// The posts as rows of `/posts` show them, in the order in which they were made.
    #[must_use]
    pub fn posts(&self) -> Vec<Value> {
        self.app.store().posts.iter().map(|mark| Element::Mark(mark).render()).collect()
    }

    /// The clients with that code: codes are not unique.
    #[must_use]
    pub fn clients_by_code(&self, code: &str) -> Vec<ClientView> {
        let store = self.app.store();
        store.clients_of_code(code, None).map(|client| store.view(client)).collect()
    }

    /// The first client with that code.
    #[must_use]
    pub fn client_by_code(&self, code: &str) -> Option<ClientView> {
        let store = self.app.store();
        store.clients_of_code(code, None).next().map(|client| store.view(client))
    }

    /// The status of the first client with that code: 0 is OK, 1 is ERROR.
    #[must_use]
    pub fn status_of(&self, code: &str) -> Option<u8> {
        self.app.store().clients_of_code(code, None).next().map(|client| client.status)
    }

    /// Sets the status of every client with that code, as another integration would: `error` is ERROR. How many.
    pub fn set_status(&self, code: &str, error: bool) -> usize {
        self.app.store().set_status(code, u8::from(error), now())
    }

    /// The same for one client; whether there is such a client.
    pub fn set_status_of(&self, client: ObjectId, error: bool) -> bool {
        self.app.store().set_status_of(client, u8::from(error), now())
    }

    /// Turns the statuses of so many clients around, drawn with `seed`, as another integration would.
    pub fn flip_statuses(&self, clients: usize, seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        self.app.store().flip_statuses(clients, &mut random, now());
    }

    /// Stops it and waits until its connections are closed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(STOP_PATIENCE, &mut server).await.is_err()
        {
            server.abort();
        }
    }
}

impl Drop for SimulatedOzmap {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
