//! What is to be generated.

use super::error::PlantError;
use super::physics::Ratio;

/// Clients that one plant holds at most.
const MOST_CLIENTS: usize = 1_000_000;

/// How often the documentation is wrong. Each is a share from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Documentation {
    /// Clients that are documented in another box.
    pub wrong_box: f64,
    /// Clients that are documented on another port of their box.
    pub wrong_port: f64,
    /// Clients whose drop is connected to nothing.
    pub missing_route: f64,
    /// Clients without a serial.
    pub missing_serial: f64,
    /// CTOs whose trace ends before the PON, since a joint was never entered.
    pub missing_joint: f64,
    /// PONs whose launch power nobody entered.
    pub missing_launch: f64,
}

impl Documentation {
    /// That share of clients has an error of the four kinds that clients have: two of five are in another box, the
    /// other kinds have a fifth each.
    #[must_use]
    pub fn errors(rate: f64) -> Self {
        let fifth = rate / 5.0;
        Self {
            wrong_box: 2.0 * fifth,
            wrong_port: fifth,
            missing_route: fifth,
            missing_serial: fifth,
            ..Self::default()
        }
    }
}

/// What is to be generated. The same options give the same plant.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantOptions {
    /// Draws everything that is drawn.
    pub seed: u64,
    /// Clients.
    pub clients: usize,
    /// Share of a box's ports that have a client.
    pub fill: f64,
    /// Outputs of the first and of the second splitter of balanced PONs; each PON takes one of these.
    pub splits: Vec<(u8, u8)>,
    /// Share of PONs that are unbalanced daisy chains.
    pub chains: f64,
    /// Boxes of a chain, and outputs of the splitter in each.
    pub chain: (u8, u8),
    /// PONs on each OLT.
    pub pons_per_olt: u16,
    /// PONs on each card.
    pub pons_per_slot: u16,
    /// OLTs in each POP.
    pub olts_per_pop: u16,
    /// PONs that share a feeder leaving a POP.
    pub pons_per_feeder: u16,
    /// Families of the OLTs, in turn: names of profiles.
    pub families: Vec<String>,
    /// Share of OLTs that speak XGS-PON.
    pub xgs: f64,
    /// How likely every ONU's dying gasp arrives; `None`: by its model.
    pub gasp: Option<f64>,
    /// How good the documentation is.
    pub documentation: Documentation,
    /// Code of the first client; the others count on from it.
    pub first_code: u32,
}

impl PlantOptions {
    /// Brazilian habits: 64 ports a PON, three of ten PONs are chains, well documented.
    #[must_use]
    pub fn new(clients: usize, seed: u64) -> Self {
        Self {
            seed,
            clients,
            fill: 0.75,
            splits: vec![(8, 8), (8, 8), (4, 16)],
            chains: 0.3,
            chain: (8, 8),
            pons_per_olt: 64,
            pons_per_slot: 16,
            olts_per_pop: 4,
            pons_per_feeder: 16,
            families: vec!["huawei-smartax".to_owned()],
            xgs: 0.0,
            gasp: None,
            documentation: Documentation { missing_launch: 0.1, ..Documentation::default() },
            first_code: 10_000,
        }
    }

    /// Ports of a PON and boxes on it, by its shape.
    ///
    /// # Errors
    /// [`PlantError::Range`] with the option that is out of its range.
    pub(super) fn check(&self) -> Result<(), PlantError> {
        fn within(what: &'static str, given: f64, expected: &'static str, ok: bool) -> Result<(), PlantError> {
            if ok { Ok(()) } else { Err(PlantError::Range { what, given, expected }) }
        }
        fn share(what: &'static str, given: f64) -> Result<(), PlantError> {
            within(what, given, "a share from 0 to 1", (0.0..=1.0).contains(&given))
        }
        fn count(what: &'static str, given: u16, most: u16) -> Result<(), PlantError> {
            within(what, f64::from(given), "1 or more, within what such a device has", (1..=most).contains(&given))
        }
        #[allow(clippy::cast_precision_loss)] // only shown
        let clients = self.clients as f64;
        within("clients", clients, "1 to 1000000", (1..=MOST_CLIENTS).contains(&self.clients))?;
        within("fill", self.fill, "a share from 0.05 to 1", (0.05..=1.0).contains(&self.fill))?;
        share("chains", self.chains)?;
        share("xgs", self.xgs)?;
        share("gasp", self.gasp.unwrap_or(0.0))?;
        let documentation = &self.documentation;
        share("wrong_box", documentation.wrong_box)?;
        share("wrong_port", documentation.wrong_port)?;
        share("missing_route", documentation.missing_route)?;
        share("missing_serial", documentation.missing_serial)?;
        share("missing_joint", documentation.missing_joint)?;
        share("missing_launch", documentation.missing_launch)?;
        within("splits", 0.0, "at least one split", !self.splits.is_empty())?;
        let way = |ways: u8| matches!(Ratio::Balanced(ways), Ratio::Balanced(2 | 4 | 8 | 16 | 32));
        for (first, second) in &self.splits {
            let ports = f64::from(*first) * f64::from(*second);
            let ok = way(*first) && way(*second) && ports <= 128.0;
            within("splits", ports, "2, 4, 8, 16 or 32 ways twice, 128 ports at most", ok)?;
        }
        let (boxes, ways) = self.chain;
        let ports = f64::from(boxes) * f64::from(ways);
        within(
            "chain",
            ports,
            "2 to 16 boxes of 2, 4, 8 or 16 ways, 128 ports at most",
            (2..=16).contains(&boxes) && way(ways) && ways < 32 && ports <= 128.0,
        )?;
        count("pons_per_olt", self.pons_per_olt, 1024)?;
        count("pons_per_slot", self.pons_per_slot, 64)?;
        count("olts_per_pop", self.olts_per_pop, 64)?;
        count("pons_per_feeder", self.pons_per_feeder, 128)?;
        within("families", 0.0, "at least one family", !self.families.is_empty())?;
        within(
            "first_code",
            f64::from(self.first_code),
            "a code that leaves room to count on from it",
            self.first_code <= u32::MAX - 1_000_000,
        )
    }
}
