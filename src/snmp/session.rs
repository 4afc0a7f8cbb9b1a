//! The handle that other rooms hold: one OLT, any number of callers at once.

use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::engine::{Engine, Link};
use super::fetch::FetchJob;
use super::job::{AnyJob, Outcome};
use super::plan::{self, Plan};
use super::walk::WalkJob;
use super::worker::Command;
use super::{Counters, Oid, Rows, SnmpError, Target, VarBind, Walk, Walked, WalkedColumn, codec};
use crate::config::Credential;

/// A session with one OLT. Cheap to clone; callers' requests share the OLT's governor, each job with at most one
/// request in flight. The engine lets go of the OLT when the last clone is dropped.
#[derive(Clone)]
pub struct Session {
    link: Arc<Link>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) const fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// A session with an engine of its own, for a look at one OLT; many OLTs share one with [`Engine::open`].
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub async fn open(target: Target, credential: &Credential) -> Result<Self, SnmpError> {
        Engine::default().open(target, credential).await
    }

    /// The OLT's address as it was given.
    #[must_use]
    pub fn address(&self) -> &str {
        self.link.address()
    }

    /// The values of these names: one varbind for each, in the same order. Splits by itself into as many requests as
    /// it takes. A value that the agent fails at while others can be read is [`super::Value::NoSuchInstance`].
    ///
    /// # Errors
    /// [`SnmpError`] when the agent does not answer, or refuses altogether.
    pub async fn get(&self, oids: &[Oid]) -> Result<Vec<VarBind>, SnmpError> {
        self.fetch(false, oids).await
    }

    /// What follows each of these names: one varbind for each, in the same order;
    /// [`super::Value::EndOfMibView`] where nothing follows.
    ///
    /// # Errors
    /// As [`Self::get`], and [`SnmpError::NotIncreasing`].
    pub async fn get_next(&self, oids: &[Oid]) -> Result<Vec<VarBind>, SnmpError> {
        self.fetch(true, oids).await
    }

    /// Asks for one value with a single request, which is not repeated: the cheapest way to find out whether an OLT
    /// that fell silent is back. What it answers does not matter.
    ///
    /// # Errors
    /// [`SnmpError::NoAnswer`], or that it refuses us.
    pub async fn probe(&self, oid: &Oid) -> Result<(), SnmpError> {
        askable(std::slice::from_ref(oid))?;
        match self.run(AnyJob::Fetch(FetchJob::probe(oid.clone()))).await? {
            Outcome::Fetched(fetched) => fetched.map(|_| ()),
            Outcome::Walked(_) => Err(self.closed()),
        }
    }

    /// Reads columns, rows in lock-step. Never loses what was read before an error: each column says how it ended.
    pub async fn walk(&self, walk: &Walk) -> Walked {
        self.walk_by(walk, &Plan::default()).await
    }

    /// As [`Self::walk`], cut into parts by what is known of the rows, so that as many requests are at the OLT as its
    /// window allows. What it gives is the same for every plan.
    pub async fn walk_by(&self, walk: &Walk, plan: &Plan) -> Walked {
        let starts: Vec<Oid> = walk.columns.iter().map(|column| column.child(&walk.within)).collect();
        if let Err(error) = askable(&walk.columns).and_then(|()| askable(&starts)) {
            return failed(walk, &error);
        }
        let mut jobs = Vec::new();
        for part in plan::parts(walk, plan, self.link.window()) {
            let job = AnyJob::Walk(Box::new(WalkJob::part(part.walk.clone(), &part.chain)));
            let started = self.start(job).await;
            jobs.push((part, started));
        }
        let mut parts = Vec::new();
        for (part, started) in jobs {
            let walked = match started {
                Ok(outcome) => match outcome.await {
                    Ok(Outcome::Walked(walked)) => walked,
                    Ok(Outcome::Fetched(_)) | Err(_) => failed(&part.walk, &self.closed()),
                },
                Err(error) => failed(&part.walk, &error),
            };
            parts.push((part.first, walked));
        }
        plan::join(self.address(), walk, parts)
    }

    /// The most requests that may be in flight, as its target says.
    #[must_use]
    pub fn window(&self) -> u32 {
        self.link.window()
    }

    /// What was counted since the session was opened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.link.counters()
    }

    async fn fetch(&self, next: bool, oids: &[Oid]) -> Result<Vec<VarBind>, SnmpError> {
        askable(oids)?;
        match self.run(AnyJob::Fetch(FetchJob::new(next, oids.to_vec()))).await? {
            Outcome::Fetched(fetched) => fetched,
            Outcome::Walked(_) => Err(self.closed()),
        }
    }

    async fn run(&self, job: AnyJob) -> Result<Outcome, SnmpError> {
        self.start(job).await?.await.map_err(|_| self.closed())
    }

    async fn start(&self, job: AnyJob) -> Result<oneshot::Receiver<Outcome>, SnmpError> {
        let (done, outcome) = oneshot::channel();
        self.link
            .commands()
            .send(Command::Do { number: self.link.number(), job, done })
            .await
            .map_err(|_| self.closed())?;
        Ok(outcome)
    }

    fn closed(&self) -> SnmpError {
        SnmpError::Closed { address: self.address().to_owned() }
    }
}

/// A walk that did not come about.
fn failed(walk: &Walk, error: &SnmpError) -> Walked {
    let column = |column: &Oid| WalkedColumn { column: column.clone(), rows: Rows::new(), end: Err(error.clone()) };
    Walked { columns: walk.columns.iter().map(column).collect(), pdus: 0 }
}

fn askable(oids: &[Oid]) -> Result<(), SnmpError> {
    match oids.iter().find(|oid| !codec::is_encodable(oid)) {
        Some(oid) => Err(SnmpError::Unaskable { oid: oid.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{Agent, oid, target};
    use super::super::{Silence, Value};
    use super::*;
    use crate::config::{Secret, SnmpVersion};

    fn v2c(community: &str) -> Credential {
        let version = SnmpVersion::V2c { community: Secret::new(community.to_owned()) };
        Credential { name: "default".to_owned(), version }
    }

    /// An agent on a free loopback port; it ends with its task when the test's runtime does.
    async fn start(mut agent: Agent, host: &str) -> String {
        let socket = tokio::net::UdpSocket::bind((host, 0)).await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            while let Ok((length, source)) = socket.recv_from(&mut buffer).await {
                if let Some(answer) = agent.answer_v2c(&buffer[..length]) {
                    // Anybody can send; the session must not mind.
                    socket.send_to(b"garbage", source).await.unwrap();
                    socket.send_to(&answer, source).await.unwrap();
                    socket.send_to(&answer, source).await.unwrap();
                }
            }
        });
        address
    }

    fn walk(columns: &[&str]) -> Walk {
        Walk {
            columns: columns.iter().map(|column| oid(column)).collect(),
            within: Vec::new(),
            stop_before: None,
            max_rows: 10_000,
            max_repetitions: None,
        }
    }

    #[tokio::test]
    async fn gets_and_walks_over_a_real_socket() {
        for host in ["127.0.0.1", "::1"] {
            let address = start(Agent::table("1.3.6.1.4.1.9", 3, 200), host).await;
            let session = Session::open(Target { address, ..target() }, &v2c("public")).await.unwrap();
            let names = [oid("1.3.6.1.4.1.9.1.7"), oid("1.3.6.1.4.1.9.9.9"), oid("1.3.6.1.4.1.9.3.200")];
            let got = session.get(&names).await.unwrap();
            let values: Vec<_> = got.iter().map(|varbind| varbind.value.clone()).collect();
            assert_eq!(values, [Value::Integer(100_007), Value::NoSuchInstance, Value::Integer(300_200)]);
            let next = session.get_next(&names).await.unwrap();
            assert_eq!(next[0].oid, oid("1.3.6.1.4.1.9.1.8"));
            assert_eq!(next[2].value, Value::EndOfMibView);
            let walked = session.walk(&walk(&["1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.3"])).await;
            assert!(walked.is_complete(), "{walked:?}");
            assert!(walked.columns.iter().all(|column| column.rows.len() == 200));
            let counters = session.counters();
            assert!(counters.garbage > 0 && counters.late > 0 && counters.most_in_flight == 1, "{counters:?}");
        }
    }

    #[tokio::test]
    async fn many_callers_share_one_window() {
        let address = start(Agent::table("1.3.6.1.4.1.9", 8, 50), "127.0.0.1").await;
        let session = Session::open(Target { address, window: 2, ..target() }, &v2c("public")).await.unwrap();
        let mut walks = tokio::task::JoinSet::new();
        for column in 1..=8 {
            let session = session.clone();
            walks.spawn(async move { session.walk(&walk(&[&format!("1.3.6.1.4.1.9.{column}")])).await });
        }
        while let Some(walked) = walks.join_next().await {
            let walked = walked.unwrap();
            assert!(walked.is_complete() && walked.columns[0].rows.len() == 50);
        }
        assert!(session.counters().most_in_flight <= 2);
    }

    #[tokio::test]
    async fn an_engine_serves_many_olts_over_one_task_and_lets_go_of_those_that_are_closed() {
        let engine = Engine::default();
        let mut sessions = Vec::new();
        for olt in 0..20_u32 {
            let mut agent = Agent::table("1.3.6.1.4.1.9", 2, 40);
            agent.tree.insert(oid("1.3.6.1.2.1.1.3.0"), Value::TimeTicks(olt));
            let host = if olt % 2 == 0 { "127.0.0.1" } else { "::1" };
            let address = start(agent, host).await;
            sessions.push(engine.open(Target { address, ..target() }, &v2c("public")).await.unwrap());
        }
        let mut walks = tokio::task::JoinSet::new();
        for (olt, session) in (0_u32..).zip(sessions.clone()) {
            walks.spawn(async move {
                let ticks = session.get(&[oid("1.3.6.1.2.1.1.3.0")]).await.unwrap();
                assert_eq!(ticks[0].value, Value::TimeTicks(olt));
                session.walk(&walk(&["1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.2"])).await
            });
        }
        while let Some(walked) = walks.join_next().await {
            assert!(walked.unwrap().columns.iter().all(|column| column.end.is_ok() && column.rows.len() == 40));
        }
        let status = engine.status();
        assert_eq!((status.sessions, status.outstanding_octets), (20, 0));
        assert!(status.receive_buffer > 0);
        sessions.truncate(3);
        let closed = async {
            while engine.status().sessions != 3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), closed).await.unwrap();
        assert!(sessions[0].get(&[oid("1.3.6.1.2.1.1.3.0")]).await.is_ok());
    }

    #[tokio::test]
    async fn a_wrong_community_is_silence_that_says_so() {
        let address = start(Agent::table("1.3.6.1.4.1.9", 1, 1), "127.0.0.1").await;
        let target = Target { address: address.clone(), timeout: Duration::from_millis(20), retries: 1, ..target() };
        let session = Session::open(target, &v2c("secret-word")).await.unwrap();
        let error = session.get(&[oid("1.3.6.1.2.1.1.1.0")]).await.unwrap_err();
        assert!(matches!(error, SnmpError::NoAnswer { tries: 2, silence: Silence::NeverV2c, .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("community is wrong") && text.contains(&address) && !text.contains("secret-word"));
        let walked = session.walk(&walk(&["1.3.6.1.4.1.9.1"])).await;
        assert!(walked.columns[0].end.as_ref().is_err_and(SnmpError::is_silence));
        assert!(!format!("{session:?}").contains("secret-word"));
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_refused_at_once() {
        let bad = Target { address: "no-such-host.invalid:161".to_owned(), ..target() };
        assert!(matches!(Session::open(bad, &v2c("x")).await, Err(SnmpError::NotResolved { .. })));
        let bad = Target { pdus_per_second: 0.0, ..target() };
        assert!(matches!(Session::open(bad, &v2c("x")).await, Err(SnmpError::Setting { .. })));
        let session = Session::open(target(), &v2c("x")).await.unwrap();
        assert!(matches!(session.get(&[Oid::new(&[9, 9])]).await, Err(SnmpError::Unaskable { .. })));
        assert_eq!(session.get(&[]).await.unwrap(), []);
        assert_eq!(session.counters().sent, 0);
    }

    #[tokio::test]
    async fn a_walk_that_nobody_waits_for_stops_asking() {
        let address = start(Agent::table("1.3.6.1.4.1.9", 1, 5_000), "127.0.0.1").await;
        let target = Target { address, max_repetitions: 1, pdus_per_second: 100.0, ..target() };
        let session = Session::open(target, &v2c("public")).await.unwrap();
        let walk = walk(&["1.3.6.1.4.1.9.1"]);
        tokio::time::timeout(Duration::from_millis(50), session.walk(&walk)).await.unwrap_err();
        // It would go on for 50 seconds; another job is served meanwhile, and then all is quiet.
        session.get(&[oid("1.3.6.1.4.1.9.1.1")]).await.unwrap();
        let quiet = async {
            let mut sent = 0;
            while std::mem::replace(&mut sent, session.counters().sent) != session.counters().sent {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), quiet).await.unwrap();
    }

    #[tokio::test]
    async fn names_are_resolved() {
        let address = start(Agent::table("1.3.6.1.4.1.9", 1, 5), "127.0.0.1").await;
        let address = address.replace("127.0.0.1", "localhost");
        let session = Session::open(Target { address, ..target() }, &v2c("public")).await.unwrap();
        assert_eq!(session.get(&[oid("1.3.6.1.4.1.9.1.1")]).await.unwrap().len(), 1);
    }
}
