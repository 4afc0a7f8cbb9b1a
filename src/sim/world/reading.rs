//! What an OLT would answer now.

use std::sync::Arc;
use std::time::Duration;

use super::chance::{even, normal};
use super::onu::Onu;
use super::state::World;
use crate::model::{
    Cause, Celsius, Completeness, Dbm, Field, Gap, Metres, Milliamperes, OltId, OnuKey, OnuState, PonId, PonReading,
    PonState, Reading, Sweep, SweepKind, SweepScope, Unread, Volts,
};
use crate::sim::plant::{ClientIx, Index, OltIx, PonIx};

/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;

/// What OLTs' ranging counts in, in metres: a family's unit (`domain.md` 1.8).
const RANGING_UNITS: [f64; 4] = [1.0, 1.0, 10.0, 100.0];

impl World {
    /// True power at an ONU in dBm, without what its sensor makes of it. `None` for a client that does not exist.
    #[must_use]
    pub fn light(&self, client: ClientIx) -> Option<f32> {
        let plant = self.ground.plant();
        let row = plant.clients.get(client)?;
        let pon = plant.pons.get(row.pon)?;
        let bent = self.onu(client)?.bent * pon.technology.downstream().bend();
        #[allow(clippy::cast_possible_truncation)] // a few dBm
        let launch = pon.launch.get() as f32;
        Some(launch - self.ground.way(client)?.down - bent)
    }

    /// What a sweep of an OLT would give now, complete unless [`super::WorldOptions::missing`] takes readings out of it. `None`
    /// when the OLT does not answer.
    #[must_use]
    pub fn sweep(&self, olt: OltIx, kind: SweepKind) -> Option<Sweep> {
        let state = self.olts.get(olt.place()).filter(|_| self.answers(olt))?;
        let plant = self.ground.plant();
        let onus: Vec<Reading> =
            self.ground.on_olt(olt).filter_map(|client| self.read(client, kind, self.options.missing)).collect();
        let lost = onus
            .iter()
            .filter(|reading| reading.state == Err(Unread::NoAnswer) || reading.rx == Err(Unread::NoAnswer))
            .count();
        let completeness = if lost == 0 {
            Completeness::Complete
        } else {
            let gap = Gap { what: Arc::from(format!("{lost} ONUs")), why: Arc::from("no answer") };
            Completeness::Partial(vec![gap])
        };
        Some(Sweep {
            olt: OltId::new(&plant.olts.get(olt)?.name),
            kind,
            scope: SweepScope::Whole,
            started: self.now,
            elapsed: Duration::from_millis(500),
            completeness,
            uptime: Some(self.now.since(state.booted)),
            boots: None,
            pons: self.ground.pons_of(olt).filter_map(|pon| self.pon_reading(pon)).collect(),
            onus,
            pdus: 0,
        })
    }

    /// All of an ONU that its OLT knows now, whether that answers or not. Nothing is missing.
    #[must_use]
    pub fn reading(&self, client: ClientIx) -> Option<Reading> {
        let mut reading = self.read(client, SweepKind::Inventory, 0.0)?;
        let state = self.read(client, SweepKind::State, 0.0)?;
        let optics = self.read(client, SweepKind::Optics, 0.0)?;
        reading.state = state.state;
        reading.cause = state.cause;
        reading.last_down_cause = state.last_down_cause;
        reading.distance = state.distance;
        reading.rx = optics.rx;
        reading.olt_rx = optics.olt_rx;
        reading.tx = optics.tx;
        reading.temperature = optics.temperature;
        reading.voltage = optics.voltage;
        reading.bias = optics.bias;
        Some(reading)
    }

    /// A port as its OLT shows it.
    #[must_use]
    pub fn pon_reading(&self, pon: PonIx) -> Option<PonReading> {
        let row = self.ground.plant().pons.get(pon)?;
        let id = self.pon_id(pon)?;
        let works = self.works(pon);
        Some(PonReading {
            pon: id,
            name: Some(Arc::from(format!("PON {id}"))),
            state: Ok(if works { PonState::Up } else { PonState::Down }),
            tx: if works { Ok(row.launch) } else { Err(Unread::NoValue) },
            onus: u32::try_from(self.ground.on_pon(pon).len()).map_err(|_| Unread::Implausible),
        })
    }

    /// A port's name: frame 0, card, port.
    #[must_use]
    pub fn pon_id(&self, pon: PonIx) -> Option<PonId> {
        let row = self.ground.plant().pons.get(pon)?;
        let slot = self.ground.plant().slots.get(row.slot)?;
        PonId::new(&[0, u32::from(slot.number), u32::from(row.number)]).ok()
    }

    /// The fields of an ONU that a kind of sweep reads.
    fn read(&self, client: ClientIx, kind: SweepKind, missing: f64) -> Option<Reading> {
        let row = self.ground.plant().clients.get(client)?;
        let pon = self.pon_id(row.pon)?;
        let numbers: Vec<u32> = pon.parts().iter().map(|part| u32::from(*part)).chain([u32::from(row.onu)]).collect();
        let mut reading = Reading::unread(OnuKey::new(&numbers), Unread::NotAsked);
        reading.pon = Some(pon);
        reading.onu = Some(u32::from(row.onu));
        let lost = missing > 0.0 && self.draw(17, client) < missing;
        match kind {
            SweepKind::Inventory => {
                reading.serial = row.serial().ok_or(Unread::Malformed);
                reading.name = Ok(Arc::from(format!("{} {}", row.code, row.name())));
            }
            SweepKind::State if lost => reading.state = Err(Unread::NoAnswer),
            SweepKind::State => {
                let onu = self.onu(client)?;
                let down = onu.down();
                reading.state = Ok(if down.is_some() { OnuState::Down } else { OnuState::Up });
                reading.cause = down.map(|down| down.cause).ok_or(Unread::NoValue);
                reading.last_down_cause =
                    onu.last_cause().filter(|cause| *cause != Cause::Unknown).ok_or(Unread::NoValue);
                reading.distance = self.distance(client);
            }
            SweepKind::Optics if lost => reading.rx = Err(Unread::NoAnswer),
            SweepKind::Optics => self.optics(client, &mut reading)?,
        }
        Some(reading)
    }

    fn optics(&self, client: ClientIx, reading: &mut Reading) -> Option<()> {
        let onu: &Onu = self.onu(client)?;
        if onu.down().is_some() {
            reading.state = Ok(OnuState::Down);
            reading.mask_levels_while_down();
            reading.state = Err(Unread::NotAsked);
            return Some(());
        }
        let plant = self.ground.plant();
        let row = plant.clients.get(client)?;
        let pon = plant.pons.get(row.pon)?;
        let model = row.onu_model();
        let warm = self.temperature(client);
        let rx = f64::from(self.light(client)? + row.rx_bias)
            + f64::from(model.drift) * (warm - 45.0)
            + f64::from(model.noise) * self.noise(18, client);
        let up = f64::from(row.tx - self.ground.way(client)?.up - onu.bent * pon.technology.upstream().bend());
        let olt_rx = up + f64::from(row.olt_rx_bias) + 0.15 * self.noise(19, client);
        let scale = self.olts.get(pon.olt.place()).and_then(|state| state.scale);
        let shown = |value: f64| scale.map_or(value, |(factor, offset)| value * f64::from(factor) + f64::from(offset));
        reading.rx = dbm(shown(stepped(rx, f64::from(model.step))), 1000.0);
        reading.olt_rx = dbm(stepped(olt_rx, 0.1), 1000.0);
        reading.tx = dbm(f64::from(row.tx) + 0.03 * self.noise(20, client), 100.0);
        reading.temperature = Celsius::new(warm.round()).map_err(|_| Unread::Implausible);
        reading.voltage = Volts::new(((3.3 + 0.02 * self.noise(21, client)) * 100.0).round() / 100.0)
            .map_err(|_| Unread::Implausible);
        let bias = 11.0 + 2.0 * normal(&[self.options.seed, 22, u64::from(client.number())]);
        reading.bias = Milliamperes::new(bias.round()).map_err(|_| Unread::Implausible);
        Some(())
    }

    /// What ranging says: glass, what nobody measured of the ONU's response time, in the OLT's unit.
    fn distance(&self, client: ClientIx) -> Field<Metres> {
        let row = self.ground.plant().clients.get(client).ok_or(Unread::NoRow)?;
        let olt = self.ground.plant().olt_of(row).ok_or(Unread::NoRow)?;
        let unit = RANGING_UNITS.get(olt.place() % RANGING_UNITS.len()).copied().unwrap_or(1.0);
        let own = 8.0 * normal(&[self.options.seed, 23, u64::from(client.number())]);
        let metres = f64::from(self.ground.metres_to(client) + row.onu_model().ranging_bias) + own;
        Metres::new((metres.max(0.0) / unit).round() * unit).map_err(|_| Unread::Implausible)
    }

    /// Degrees inside of an ONU: warmest in the afternoon, each with its own place in the house.
    fn temperature(&self, client: ClientIx) -> f64 {
        #[allow(clippy::cast_precision_loss)] // milliseconds of a day
        let day = (self.now.millis() % 86_400_000) as f64 / DAY_MS;
        // Brazil's afternoon is 18:00 UTC.
        let sun = (std::f64::consts::TAU * (day - 0.5)).sin();
        45.0 + 5.0 * sun + 4.0 * normal(&[self.options.seed, 24, u64::from(client.number())])
    }

    fn draw(&self, question: u64, client: ClientIx) -> f64 {
        even(&[self.options.seed, question, u64::from(client.number()), self.now.millis()])
    }

    fn noise(&self, question: u64, client: ClientIx) -> f64 {
        normal(&[self.options.seed, question, u64::from(client.number()), self.now.millis()])
    }
}

fn stepped(value: f64, step: f64) -> f64 {
    if step > 0.0 { (value / step).round() * step } else { value }
}

fn dbm(value: f64, digits: f64) -> Field<Dbm> {
    Dbm::new((value * digits).round() / digits).map_err(|_| Unread::Implausible)
}
