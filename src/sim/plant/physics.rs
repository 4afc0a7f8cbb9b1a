//! Light in glass: losses by wavelength, splitters, and what the models of ONUs do.

/// What OZmap reckons a kilometre of any cable with, in dB (the usual `base_loss`, `ozmap-api.md` 6.1).
pub(super) const DOCUMENTED_LOSS_A_KM: f64 = 0.4;
/// What OZmap reckons a fusion with, in dB (the captured trace, `ozmap-api.md` 6.2).
pub(super) const DOCUMENTED_FUSION_LOSS: f64 = 0.03;

/// A wavelength that a PON uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wavelength {
    /// 1270 nm: XGS-PON, from the ONU.
    Nm1270,
    /// 1310 nm: GPON, from the ONU.
    Nm1310,
    /// 1490 nm: GPON, to the ONU.
    Nm1490,
    /// 1577 nm: XGS-PON, to the ONU.
    Nm1577,
}

impl Wavelength {
    /// Loss in dB/km of a usual G.652.D fibre in a cable.
    #[must_use]
    pub const fn loss_a_km(self) -> f32 {
        match self {
            Self::Nm1270 => 0.38,
            Self::Nm1310 => 0.34,
            Self::Nm1490 => 0.23,
            Self::Nm1577 => 0.22,
        }
    }

    /// What part of a macro-bend's loss at 1490 nm it feels: longer waves leave a bent fibre sooner.
    #[must_use]
    pub const fn bend(self) -> f32 {
        match self {
            Self::Nm1270 => 0.2,
            Self::Nm1310 => 0.3,
            Self::Nm1490 => 1.0,
            Self::Nm1577 => 1.4,
        }
    }
}

/// What a PON speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Technology {
    /// GPON (G.984).
    Gpon,
    /// XGS-PON (G.9807.1).
    XgsPon,
}

impl Technology {
    /// The wave to the ONU.
    #[must_use]
    pub const fn downstream(self) -> Wavelength {
        match self {
            Self::Gpon => Wavelength::Nm1490,
            Self::XgsPon => Wavelength::Nm1577,
        }
    }

    /// The wave from the ONU.
    #[must_use]
    pub const fn upstream(self) -> Wavelength {
        match self {
            Self::Gpon => Wavelength::Nm1310,
            Self::XgsPon => Wavelength::Nm1270,
        }
    }
}

/// How a splitter divides the light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ratio {
    /// Evenly, into that many outputs: 2, 4, 8, 16 or 32.
    Balanced(u8),
    /// Two outputs: the first gets that many percent (the tap), the second all else.
    Unbalanced(u8),
}

/// Percent of the tap, its loss and that of the other output in dB: usual catalogue values of FBT couplers.
const TAPS: [(u8, f32, f32); 11] = [
    (2, 18.7, 0.4),
    (5, 14.6, 0.5),
    (10, 11.0, 0.7),
    (15, 9.6, 1.0),
    (20, 7.9, 1.4),
    (25, 6.95, 1.7),
    (30, 6.0, 1.9),
    (35, 5.35, 2.3),
    (40, 4.7, 2.7),
    (45, 4.15, 3.15),
    (50, 3.7, 3.7),
];

impl Ratio {
    /// How many outputs it has.
    #[must_use]
    pub const fn outputs(self) -> u8 {
        match self {
            Self::Balanced(outputs) => outputs,
            Self::Unbalanced(_) => 2,
        }
    }

    /// The catalogue's loss from the input to that output (from 0 on), in dB: what OZmap reckons with.
    #[must_use]
    pub fn loss(self, output: u8) -> f32 {
        match self {
            Self::Balanced(outputs) => match outputs {
                0..=2 => 3.7,
                3..=4 => 7.3,
                5..=8 => 10.5,
                9..=16 => 13.7,
                _ => 17.1,
            },
            Self::Unbalanced(percent) => {
                let (_, tap, rest) = TAPS.into_iter().find(|(tap, ..)| *tap >= percent).unwrap_or((50, 3.7, 3.7));
                if output == 0 { tap } else { rest }
            }
        }
    }

    /// The taps of a chain of that many boxes, first box first, so that each box gets about the same light. The last
    /// box has none.
    pub(super) fn chain(boxes: u8) -> Vec<Self> {
        let mut taps = Vec::new();
        // From the last box backwards: what the light loses from a box's input to the weakest box from there on.
        let mut beyond = 0.0_f32;
        for _ in 1..boxes {
            let unfair = |(_, tap, rest): &(u8, f32, f32)| (tap - (rest + beyond)).abs();
            let best = TAPS.into_iter().min_by(|one, other| unfair(one).total_cmp(&unfair(other)));
            let (percent, tap, rest) = best.unwrap_or((50, 3.7, 3.7));
            beyond = tap.max(rest + beyond);
            taps.push(Self::Unbalanced(percent));
        }
        taps.reverse();
        taps
    }
}

/// What the ONUs of one model have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnuModel {
    /// Its name, as an OLT shows an equipment id.
    pub name: &'static str,
    /// The four letters before its serial.
    pub vendor: &'static str,
    /// How likely its dying gasp reaches the OLT when the mains fail.
    pub gasp: f32,
    /// The step of its received power, in dB.
    pub step: f32,
    /// Standard deviation of a single reading of its received power, in dB.
    pub noise: f32,
    /// dB that its received power reads more for each degree that it is warmer than at 25 °C.
    pub drift: f32,
    /// Seconds from power to service.
    pub restart: f32,
    /// Metres that ranging adds to every ONU of the model: its response time (`domain.md` 1.8).
    pub ranging_bias: f32,
    /// How many of 100 ONUs are of it.
    pub share: u8,
}

impl OnuModel {
    /// The models that a generated plant has.
    pub const ALL: [Self; 6] = [
        Self {
            name: "HG8145V5",
            vendor: "HWTC",
            gasp: 0.97,
            step: 0.01,
            noise: 0.05,
            drift: 0.010,
            restart: 75.0,
            ranging_bias: 12.0,
            share: 28,
        },
        Self {
            name: "F670L",
            vendor: "ZTEG",
            gasp: 0.93,
            step: 0.002,
            noise: 0.08,
            drift: -0.012,
            restart: 95.0,
            ranging_bias: -35.0,
            share: 24,
        },
        Self {
            name: "AN5506-02-B",
            vendor: "FHTT",
            gasp: 0.85,
            step: 0.01,
            noise: 0.10,
            drift: 0.015,
            restart: 60.0,
            ranging_bias: 60.0,
            share: 18,
        },
        Self {
            name: "110Gb",
            vendor: "ITBS",
            gasp: 0.55,
            step: 0.1,
            noise: 0.15,
            drift: 0.020,
            restart: 45.0,
            ranging_bias: -80.0,
            share: 14,
        },
        Self {
            name: "LD3008",
            vendor: "DACM",
            gasp: 0.20,
            step: 0.1,
            noise: 0.20,
            drift: -0.020,
            restart: 40.0,
            ranging_bias: 90.0,
            share: 10,
        },
        Self {
            name: "V2802RGW",
            vendor: "XPON",
            gasp: 0.05,
            step: 1.0,
            noise: 0.20,
            drift: 0.025,
            restart: 50.0,
            ranging_bias: 40.0,
            share: 6,
        },
    ];

    /// The model at that place; a place beyond the list gives the first.
    #[must_use]
    pub fn at(place: u8) -> &'static Self {
        const FIRST: &OnuModel = &OnuModel::ALL[0];
        Self::ALL.get(usize::from(place)).unwrap_or(FIRST)
    }
}
