//! One OLT as the poller holds it: how it is reached, which family it is, and what is known of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::account::Account;
use super::proof::{Proved, Style, prove};
use super::{Intervals, PollError, View};
use crate::config;
use crate::mib::{Finding, Joins, Library, Profile, best_proved};
use crate::model::OltId;
use crate::snmp::{Counters, Engine, Oid, Plan, Session, Target, Value};

const SYS_DESCR: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 1, 0];
const SYS_OBJECT_ID: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 2, 0];
pub(super) const SYS_UP_TIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/// What is bearable for any agent, until its family is known.
const FIRST_CONTACT_TIMEOUT: Duration = Duration::from_secs(2);
const FIRST_CONTACT_RETRIES: u32 = 2;
const FIRST_CONTACT_RATE: f64 = 10.0;
const FIRST_CONTACT_REPETITIONS: u32 = 10;

/// Longest sysDescr that is kept.
const MAX_DESCR: usize = 200;

/// What an OLT says of itself, and what we make of it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its description of itself, at most 200 characters, without control characters.
    pub sys_descr: String,
    /// Its type.
    pub sys_object_id: Oid,
    /// The profile that is used.
    pub profile: Arc<Profile>,
    /// What its self-test came to.
    pub finding: Finding,
}

/// A profile that was tried on an OLT, and whether its proof was found.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The profile.
    pub profile: Arc<Profile>,
    /// The subtree that had to answer, if any.
    pub probe: Option<Oid>,
    /// Whether it answered.
    pub fits: bool,
}

/// One OLT.
#[derive(Debug)]
pub struct Poller {
    pub(super) olt: config::Olt,
    library: Arc<Library>,
    engine: Engine,
    pub(super) session: Option<Session>,
    pub(super) identity: Option<Identity>,
    pub(super) joins: Joins,
    pub(super) joins_read: bool,
    pub(super) view: View,
    /// Whether the last sweep held ONUs that no inventory sweep has read yet.
    pub(super) strangers: bool,
    /// The breaker: the OLT gave no answer at all, so one cheap request goes ahead of everything else.
    pub(super) silent: bool,
    /// Where to cut the walk of each table of the profile, from the rows that it had last.
    pub(super) plans: BTreeMap<usize, Plan>,
    /// What each read took, where somebody wants to know.
    pub(super) account: Option<Account>,
    earlier: Counters,
}

impl Poller {
    /// With an engine of its own, for a look at one OLT. Nothing is sent yet.
    #[must_use]
    pub fn new(olt: config::Olt, library: Arc<Library>) -> Self {
        Self::with_engine(olt, library, Engine::default())
    }

    /// With the engine that all OLTs of this process share. Nothing is sent yet.
    #[must_use]
    pub fn with_engine(olt: config::Olt, library: Arc<Library>, engine: Engine) -> Self {
        Self {
            olt,
            library,
            engine,
            session: None,
            identity: None,
            joins: Joins::default(),
            joins_read: false,
            view: View::default(),
            strangers: false,
            silent: false,
            plans: BTreeMap::new(),
            account: None,
            earlier: Counters::default(),
        }
    }

    /// The OLT's name.
    #[must_use]
    pub const fn name(&self) -> &OltId {
        &self.olt.name
    }

    /// Its address, as the config gives it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.olt.address
    }

    /// What it said of itself, once it was asked.
    #[must_use]
    pub const fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Whether it gave no answer at all when it was asked last, so that a single request asks whether it is back
    /// before anything else is sent.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.silent
    }

    /// The newest known values.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// What was sent to it and came back, over all sessions.
    #[must_use]
    pub fn counters(&self) -> Counters {
        match &self.session {
            Some(session) => self.earlier.followed_by(&session.counters()),
            None => self.earlier,
        }
    }

    /// Intervals from the config, else from the profile, else (before the family is known) a minute.
    #[must_use]
    pub fn intervals(&self) -> Intervals {
        let defaults = self.identity.as_ref().map(|identity| identity.profile.defaults());
        let minute = Duration::from_secs(60);
        Intervals {
            state: self.olt.state_every.or(defaults.map(|d| d.state_every)).unwrap_or(minute),
            optics: self.olt.optics_every.or(defaults.map(|d| d.optics_every)).unwrap_or(minute),
            inventory: self.olt.inventory_every.or(defaults.map(|d| d.inventory_every)).unwrap_or(minute),
        }
    }

    /// Asks the OLT what it is, and picks its profile: the one that is named, else of those that claim it the one that its
    /// tables prove best. Afterwards the session keeps to what the family bears.
    ///
    /// # Errors
    /// [`PollError`] when it does not answer, or no profile fits.
    pub async fn identify(&mut self) -> Result<&Identity, PollError> {
        let (sys_descr, sys_object_id, trials) = self.introduce().await?;
        let claims = match &self.olt.profile {
            config::Profile::Named(name) => {
                let known = || self.library.iter().map(|profile| profile.name()).collect::<Vec<_>>().join(", ");
                let profile = self
                    .library
                    .get(name)
                    .ok_or_else(|| PollError::NoSuchProfile { name: name.clone(), known: known() })?;
                vec![Arc::clone(profile)]
            }
            config::Profile::Auto => claims(&trials),
        };
        if claims.is_empty() {
            let near: Vec<String> = trials
                .iter()
                .filter_map(|trial| Some(format!("{} ({} gives nothing)", trial.profile.name(), trial.probe.as_ref()?)))
                .collect();
            let hint = if near.is_empty() { String::new() } else { format!("; near: {}", near.join(", ")) };
            return Err(PollError::UnknownFamily { sys_object_id, sys_descr, hint });
        }
        self.plans.clear();
        // A new session, as the first one kept to what any agent bears.
        self.close();
        // What has proved itself before need not do so after each silence.
        let held = self.identity.as_ref().filter(|held| {
            held.finding == Finding::Proved
                && (&held.sys_descr, &held.sys_object_id) == (&sys_descr, &sys_object_id)
                && claims.iter().any(|claim| claim.name() == held.profile.name())
        });
        let (profile, finding) = match held {
            Some(held) => {
                let profile = Arc::clone(&held.profile);
                self.session = Some(self.engine.open(self.target(&profile), &self.olt.credential).await?);
                (profile, Finding::Proved)
            }
            None => self.choose(&claims).await?,
        };
        Ok(self.identity.insert(Identity { sys_descr, sys_object_id, profile, finding }))
    }

    /// Proves every profile that claims the OLT, and keeps the session of the one that is proved best.
    async fn choose(&mut self, claims: &[Arc<Profile>]) -> Result<(Arc<Profile>, Finding), PollError> {
        let (olt, mut tried) = (self.olt.name.clone(), Vec::new());
        for profile in claims {
            let session = self.engine.open(self.target(profile), &self.olt.credential).await?;
            let Proved { proof, pdus, .. } = prove(&session, profile, Style::BRIEF, &|_| ()).await;
            tracing::debug!(%olt, profile = profile.name(), score = proof.score(), pdus, finding = %proof.finding(), "a profile was tried");
            tried.push((session, proof));
        }
        let best = best_proved(tried.iter().map(|(_, proof)| proof)).unwrap_or(0);
        for (position, (session, _)) in tried.iter().enumerate() {
            if position != best {
                self.earlier = self.earlier.followed_by(&session.counters());
            }
        }
        let (Some(profile), Some((session, proof))) = (claims.get(best), tried.into_iter().nth(best)) else {
            return Err(PollError::NotAnAgent { missing: "profile" }); // the caller has seen to it that there is one
        };
        self.session = Some(session);
        let (name, finding) = (profile.name(), proof.finding());
        match finding {
            Finding::Proved | Finding::PonsOnly => {}
            _ => tracing::warn!(
                %olt, profile = name, %finding,
                "the OLT does not bear out its profile; what it answers is read all the same (oltwatch probe shows it column by column)"
            ),
        }
        if claims.len() > 1 {
            let others: Vec<&str> = claims.iter().map(|claim| claim.name()).filter(|other| *other != name).collect();
            tracing::info!(%olt, profile = name, others = others.join(", "), "of several profiles the best proved one is used");
        }
        Ok((Arc::clone(profile), finding))
    }

    /// Asks the OLT what it is, and which profiles fit it.
    ///
    /// # Errors
    /// [`PollError`] when it does not answer, or not as an agent does.
    pub async fn introduce(&mut self) -> Result<(String, Oid, Vec<Trial>), PollError> {
        let session = self.engine.open(self.first_target(), &self.olt.credential).await?;
        let answers = session.get(&[Oid::new(&SYS_DESCR), Oid::new(&SYS_OBJECT_ID)]).await?;
        let sys_descr = answers.iter().find_map(|answer| answer.value.octets()).map(printable);
        let sys_object_id = answers.iter().find_map(|answer| match &answer.value {
            Value::ObjectId(oid) => Some(oid.clone()),
            _ => None,
        });
        let named = matches!(self.olt.profile, config::Profile::Named(_));
        let sys_descr = match sys_descr {
            Some(sys_descr) => sys_descr,
            None if named => String::new(),
            None => return Err(PollError::NotAnAgent { missing: "sysDescr" }),
        };
        let sys_object_id = match sys_object_id {
            Some(sys_object_id) => sys_object_id,
            None if named => Oid::new(&[0, 0]),
            None => return Err(PollError::NotAnAgent { missing: "sysObjectID" }),
        };
        let mut trials = Vec::new();
        for candidate in self.library.candidates(&sys_object_id, &sys_descr) {
            let fits = match &candidate.probe {
                None => true,
                Some(probe) => {
                    let next = session.get_next(std::slice::from_ref(probe)).await?;
                    next.first().is_some_and(|row| row.oid.suffix_of(probe).is_some() && !row.value.is_exception())
                }
            };
            trials.push(Trial { profile: candidate.profile, probe: candidate.probe, fits });
        }
        self.earlier = self.earlier.followed_by(&session.counters());
        Ok((sys_descr, sys_object_id, trials))
    }

    /// Forgets the session, so that the next contact resolves the name again and discovers a v3 engine again.
    pub fn close(&mut self) {
        if let Some(session) = self.session.take() {
            self.earlier = self.earlier.followed_by(&session.counters());
        }
    }

    /// Makes sure that it is known and there. Of an OLT that was silent, one request asks whether it is back.
    pub(super) async fn contact(&mut self) -> Result<(), PollError> {
        match &self.session {
            Some(session) if self.identity.is_some() => {
                if self.silent {
                    session.probe(&Oid::new(&SYS_UP_TIME)).await?;
                }
            }
            _ => {
                self.identify().await?;
            }
        }
        Ok(())
    }

    fn first_target(&self) -> Target {
        Target {
            timeout: self.olt.timeout.unwrap_or(FIRST_CONTACT_TIMEOUT),
            retries: if self.silent { 0 } else { self.olt.retries.unwrap_or(FIRST_CONTACT_RETRIES) },
            window: 1,
            pdus_per_second: self.olt.pdus_per_second.unwrap_or(FIRST_CONTACT_RATE),
            varbinds_per_second: self.olt.varbinds_per_second.unwrap_or(f64::INFINITY),
            max_repetitions: self.olt.max_repetitions.unwrap_or(FIRST_CONTACT_REPETITIONS),
            any_source: self.olt.any_source,
            ..Target::new(&self.olt.address)
        }
    }

    pub(super) fn target(&self, profile: &Profile) -> Target {
        let defaults = profile.defaults();
        Target {
            timeout: self.olt.timeout.unwrap_or(defaults.timeout),
            retries: self.olt.retries.unwrap_or(defaults.retries),
            window: self.olt.window.unwrap_or(defaults.window),
            pdus_per_second: self.olt.pdus_per_second.unwrap_or(defaults.pdus_per_second),
            varbinds_per_second: self.olt.varbinds_per_second.unwrap_or(defaults.varbinds_per_second),
            max_repetitions: self.olt.max_repetitions.unwrap_or(defaults.max_repetitions),
            reply_octets: self
                .olt
                .reply_octets
                .map_or(defaults.reply_octets, |octets| octets.try_into().unwrap_or(1400)),
            any_source: self.olt.any_source,
            ..Target::new(&self.olt.address)
        }
    }
}

/// The profiles that fit, the surest first, each once.
#[must_use]
pub fn claims(trials: &[Trial]) -> Vec<Arc<Profile>> {
    let mut claims: Vec<Arc<Profile>> = Vec::new();
    for trial in trials.iter().filter(|trial| trial.fits) {
        if !claims.iter().any(|claim| claim.name() == trial.profile.name()) {
            claims.push(Arc::clone(&trial.profile));
        }
    }
    claims
}

/// A text without control characters, at most [`MAX_DESCR`] characters.
fn printable(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DESCR).collect();
    text.trim().to_owned()
}
