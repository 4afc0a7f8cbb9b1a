//! The built-in profiles against what is known of real devices: every worked example (raw value, meaning) with the
//! section of the knowledge base that tells it, and the identities that captured devices give of themselves.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)] // a test may fail loudly

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use oltwatch::mib::{Decoded, Joins, Library, Profile, RawColumn, RawTable, Rows};
use oltwatch::model::{PonReading, Reading, SweepKind};
use oltwatch::snmp::{Oid, Value};

/// Rows of a device: OID and value, as `snmpwalk` would print them.
type Row = (&'static str, V);

/// A raw value.
#[derive(Debug, Clone, Copy)]
enum V {
    /// A number.
    N(i64),
    /// A text.
    T(&'static str),
    /// Octets in hex.
    X(&'static str),
}

impl V {
    fn value(self) -> Value {
        match self {
            Self::N(number) => Value::Integer(number),
            Self::T(text) => Value::OctetString(text.as_bytes().into()),
            Self::X(hex) => {
                let octets = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
                Value::OctetString(octets.collect())
            }
        }
    }
}

fn profile(name: &str) -> Arc<Profile> {
    Arc::clone(Library::load(None).unwrap().get(name).unwrap_or_else(|| panic!("there is no profile {name}")))
}

fn decode(profile: &Profile, rows: &[(Oid, Value)], kind: SweepKind) -> Decoded {
    let column = |oid: &Oid| RawColumn {
        oid: oid.clone(),
        rows: rows.iter().filter_map(|(row, value)| Some((row.suffix_of(oid)?.into(), value.clone()))).collect(),
        complete: true,
    };
    let mut joins = Joins::default();
    for join in profile.join_reads() {
        joins.set(profile, join.join, &column(&join.column).rows);
    }
    let tables: Vec<RawTable> = profile
        .reads(kind)
        .iter()
        .map(|read| RawTable { table: read.table, columns: read.columns.iter().map(column).collect() })
        .collect();
    profile.decode(kind, &tables, &joins)
}

/// What all sweeps say of ONUs and PONs, in words: `pon#onu field=value …`, one line each, sorted.
fn told(profile: &Profile, rows: &[(Oid, Value)]) -> String {
    let mut onus: BTreeMap<String, String> = BTreeMap::new();
    let mut pons: BTreeMap<String, String> = BTreeMap::new();
    for kind in SweepKind::ALL {
        let decoded = decode(profile, rows, *kind);
        assert!(decoded.gaps.is_empty(), "{} {kind}: {:?}", profile.name(), decoded.gaps);
        for onu in &decoded.onus {
            let name = match (onu.pon, onu.onu) {
                (Some(pon), Some(number)) => format!("{pon}#{number}"),
                _ => format!("key {}", onu.key),
            };
            onus.entry(name).or_default().push_str(&words(onu));
        }
        for pon in &decoded.pons {
            pons.entry(format!("PON {}", pon.pon)).or_default().push_str(&pon_words(pon));
        }
    }
    onus.into_iter().chain(pons).map(|(name, words)| format!("{name}{words}")).collect::<Vec<_>>().join("; ")
}

fn words(onu: &Reading) -> String {
    let mut words = String::new();
    macro_rules! tell {
        ($($name:ident),+) => { $(if let Ok(value) = &onu.$name { let _ = write!(words, " {}={value}", stringify!($name)); })+ };
    }
    tell!(serial, mac, name, state, cause, last_down_cause, rx, olt_rx, tx, distance, temperature, voltage, bias);
    words
}

fn pon_words(pon: &PonReading) -> String {
    let mut words = String::new();
    if let Some(name) = &pon.name {
        let _ = write!(words, " name={name}");
    }
    if let Ok(state) = pon.state {
        let _ = write!(words, " state={state}");
    }
    if let Ok(tx) = pon.tx {
        let _ = write!(words, " tx={tx}");
    }
    if let Ok(onus) = pon.onus {
        let _ = write!(words, " onus={onus}");
    }
    words
}

use V::{N, T, X};

/// Section of `olt-snmp.md`, family, raw rows, and what they mean.
const EXAMPLES: &[(&str, &str, &[Row], &str)] = &[
    (
        "1 Huawei: ifIndex of ports",
        "huawei-smartax",
        &[
            ("1.3.6.1.2.1.31.1.1.1.1.4194304000", T("GPON 0/0/0")),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.21.1.16.4194304000", N(0)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.21.1.16.4194304256", N(0)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.21.1.16.4194312192", N(0)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.21.1.16.4194316032", N(0)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.21.1.16.4194320384", N(0)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.21.1.16.4194345216", N(0)),
        ],
        "PON 0/0/0 name=GPON 0/0/0 onus=0; PON 0/0/1 onus=0; PON 0/1/0 onus=0; PON 0/1/15 onus=0; PON 0/2/0 onus=0; \
         PON 0/5/1 onus=0",
    ),
    (
        "1 Huawei: serial, levels, last down cause",
        "huawei-smartax",
        &[
            ("1.3.6.1.4.1.2011.6.128.1.1.2.43.1.3.4194320384.0", X("485754437D4630C3")),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.46.1.15.4194320384.0", N(2)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.46.1.24.4194320384.0", N(13)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.51.1.6.4194345216.0", N(8775)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.51.1.6.4194345216.1", N(8413)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.51.1.6.4194345216.14", N(8565)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.51.1.6.4194345216.18", N(8630)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.51.1.6.4194345472.1", N(2_147_483_647)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.51.1.4.4194312192.0", N(-1311)),
        ],
        "0/1/0#0 rx=-13.11 dBm; 0/2/0#0 serial=HWTC7D4630C3 state=down cause=power last_down_cause=power; \
         0/5/1#0 olt_rx=-12.25 dBm; 0/5/1#1 olt_rx=-15.87 dBm; 0/5/1#14 olt_rx=-14.35 dBm; 0/5/1#18 olt_rx=-13.7 dBm; \
         0/5/2#1",
    ),
    (
        "1 Huawei: PON transceiver",
        "huawei-smartax",
        &[("1.3.6.1.4.1.2011.6.128.1.1.2.23.1.4.4194312192", N(716))],
        "PON 0/1/0 tx=7.16 dBm",
    ),
    (
        "1 Huawei: EPON beside GPON",
        "huawei-smartax",
        &[
            ("1.3.6.1.2.1.31.1.1.1.1.4227858432", T("EPON 0/3/0")),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.53.1.3.4227858432.7", X("001122334455")),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.57.1.15.4227858432.7", N(1)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.104.1.1.4227858432.7", N(8000)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.104.1.5.4227858432.7", N(-1950)),
            ("1.3.6.1.4.1.2011.6.128.1.1.2.43.1.3.4194304000.7", X("485754437D4630C3")),
        ],
        "0/0/0#7 serial=HWTC7D4630C3; 0/3/0#7 mac=00:11:22:33:44:55 state=up rx=-19.5 dBm olt_rx=-20 dBm; \
         PON 0/3/0 name=EPON 0/3/0",
    ),
    (
        "2 ZTE C300/C320: index, distance, levels",
        "zte-c300-c320",
        &[
            ("1.3.6.1.4.1.3902.1012.3.11.4.1.2.268501248.1", N(1235)),
            ("1.3.6.1.4.1.3902.1012.3.11.4.1.2.268501760.1", N(0)),
            ("1.3.6.1.4.1.3902.1012.3.50.12.1.1.10.268566784.4.1", N(5635)),
            ("1.3.6.1.4.1.3902.1012.3.50.12.1.1.10.268566784.5.1", N(65_535)),
            ("1.3.6.1.4.1.3902.1015.1010.11.2.1.2.268632320.9", N(-80_000)),
            ("1.3.6.1.4.1.3902.1015.1010.11.2.1.2.268632320.10", N(-21_500)),
        ],
        "1/1/1#1 distance=1235 m; 1/1/3#1; 1/2/1#4 rx=-18.73 dBm; 1/2/1#5; 1/3/1#10 olt_rx=-21.5 dBm; 1/3/1#9",
    ),
    (
        "2 ZTE C300/C320: phases and reasons",
        "zte-c300-c320",
        &[
            ("1.3.6.1.4.1.3902.1012.3.28.2.1.4.268501248.1", N(3)),
            ("1.3.6.1.4.1.3902.1012.3.28.2.1.7.268501248.1", N(9)),
            ("1.3.6.1.4.1.3902.1012.3.28.2.1.4.268501248.2", N(1)),
            ("1.3.6.1.4.1.3902.1012.3.28.2.1.4.268501248.3", N(4)),
            ("1.3.6.1.4.1.3902.1012.3.28.2.1.4.268501248.4", N(6)),
            ("1.3.6.1.4.1.3902.1012.3.28.2.1.7.268501248.4", N(12)),
            ("1.3.6.1.4.1.3902.1012.3.28.2.1.4.268501248.5", N(5)),
        ],
        "1/1/1#1 state=up last_down_cause=power; 1/1/1#2 state=down cause=optical; 1/1/1#3 state=down cause=power; \
         1/1/1#4 state=down cause=restart last_down_cause=restart; 1/1/1#5 state=down cause=auth",
    ),
    (
        "2 ZTE C300: PON transceivers by the index of IF-MIB, which looks like another slot's",
        "zte-c300-c320",
        &[
            ("1.3.6.1.2.1.31.1.1.1.1.268435456", T("gpon_1/2/1")),
            ("1.3.6.1.2.1.31.1.1.1.1.269418496", T("xgei_1/19/1")),
            ("1.3.6.1.4.1.3902.1015.3.1.13.1.4.268435456", N(6635)),
            ("1.3.6.1.4.1.3902.1015.3.1.13.1.4.269418496", N(32)),
        ],
        "PON 1/2/1 name=gpon_1/2/1 tx=6.635 dBm",
    ),
    (
        "2 ZTE C600: index, levels, serial",
        "zte-c600",
        &[
            ("1.3.6.1.2.1.31.1.1.1.1.285278977", T("gpon_olt-1/3/1")),
            ("1.3.6.1.2.1.31.1.1.1.1.285280769", T("xgei-1/10/1")),
            ("1.3.6.1.4.1.3902.1082.500.20.2.2.2.1.10.285278977.1.1", N(6227)),
            ("1.3.6.1.4.1.3902.1082.500.20.2.2.2.1.10.285278977.2.1", N(5340)),
            ("1.3.6.1.4.1.3902.1082.500.20.2.2.2.1.10.285278977.4.1", N(6901)),
            ("1.3.6.1.4.1.3902.1082.500.20.2.2.2.1.10.285278977.8.1", N(65_535)),
            ("1.3.6.1.4.1.3902.1082.500.20.2.1.2.1.3.285278977.1", X("5A544547008EEB08")),
            ("1.3.6.1.4.1.3902.1082.500.10.2.3.3.1.18.285278977.2", T("1,ZTEGC1B2F8FC")),
            ("1.3.6.1.4.1.3902.1082.500.10.2.3.8.1.4.285278977.1", N(4)),
            ("1.3.6.1.4.1.3902.1082.500.10.2.3.8.1.4.285278977.2", N(2)),
            ("1.3.6.1.4.1.3902.1082.500.1.2.4.2.1.2.285278977.1", N(-20_100)),
            ("1.3.6.1.4.1.3902.1082.30.40.2.4.1.3.285278721", N(6635)),
        ],
        "1/3/1#1 serial=ZTEG008EEB08 state=up rx=-17.546 dBm olt_rx=-20.1 dBm; \
         1/3/1#2 serial=ZTEGC1B2F8FC state=down cause=optical rx=-19.32 dBm; 1/3/1#4 rx=-16.198 dBm; 1/3/1#8; \
         PON 1/2/1 tx=6.635 dBm; PON 1/3/1 name=gpon_olt-1/3/1",
    ),
    (
        "3 FiberHome: index, levels, states",
        "fiberhome-an5516",
        &[
            ("1.3.6.1.4.1.5875.800.3.9.3.7.1.2.34078720.1", N(-1850)),
            ("1.3.6.1.4.1.5875.800.3.9.3.7.1.2.34078720.2", N(-1974)),
            ("1.3.6.1.4.1.5875.800.3.10.1.1.11.34078976", N(1)),
            ("1.3.6.1.4.1.5875.800.3.10.1.1.11.34079232", N(2)),
            ("1.3.6.1.4.1.5875.800.3.10.1.1.10.34078976", T("FHTT12345678")),
            ("1.3.6.1.4.1.5875.800.3.10.1.1.10.34079232", T("AABBCCDDEEFF")),
            ("1.3.6.1.4.1.5875.800.3.9.3.4.1.12.168820736", N(3)),
            ("1.3.6.1.4.1.5875.800.3.9.3.4.1.12.268959744", N(4)),
            ("1.3.6.1.4.1.5875.800.3.9.3.4.1.12.35127296", N(5)),
        ],
        "1/1#1 serial=FHTT12345678 state=up olt_rx=-18.5 dBm; \
         1/1#2 mac=aa:bb:cc:dd:ee:ff state=down cause=power olt_rx=-19.74 dBm; PON 1/3 onus=5; PON 5/2 onus=3; PON 8/1 onus=4",
    ),
    (
        "4 Nokia: the lower layout, with XGS channels of PONs",
        "nokia-isam",
        &[
            ("1.3.6.1.2.1.2.2.1.3.94380032", N(250)),
            ("1.3.6.1.2.1.2.2.1.3.94445568", N(250)),
            ("1.3.6.1.2.1.2.2.1.8.94380032", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.94445568", N(2)),
            ("1.3.6.1.2.1.2.2.1.8.96468992", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.96469504", N(2)),
            ("1.3.6.1.2.1.2.2.1.8.96471552", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.67109312", N(1)),
            ("1.3.6.1.4.1.637.61.1.35.10.1.1.5.96468992", X("414C434C00112233")),
            ("1.3.6.1.4.1.637.61.1.35.10.4.1.3.96468992", N(12)),
            ("1.3.6.1.4.1.637.61.1.35.10.14.1.2.96468992", N(-10_500)),
            ("1.3.6.1.4.1.637.61.1.35.10.14.1.2.96471552", N(32_768)),
            ("1.3.6.1.4.1.637.61.1.35.10.18.1.2.96468992", N(-222)),
        ],
        "1/1/1/1#1 serial=ALCL00112233 distance=1200 m state=up rx=-21 dBm olt_rx=-22.2 dBm; 1/1/1/1#2 state=down; \
         1/1/1/1#6 state=up; PON 1/1/1/1 state=up; PON 1/1/1/2 state=down",
    ),
    (
        "4 Nokia: the higher layout of older cards with 16 ports",
        "nokia-isam",
        &[
            ("1.3.6.1.2.1.2.2.1.3.127926272", N(250)),
            ("1.3.6.1.2.1.2.2.1.3.128057344", N(250)),
            ("1.3.6.1.2.1.2.2.1.3.129892352", N(250)),
            ("1.3.6.1.2.1.2.2.1.8.127926272", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.128057344", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.129892352", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.130023424", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.130024448", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.130025472", N(1)),
        ],
        "1/1/2/1#1 state=up; 1/1/2/1#2 state=up; 1/1/2/1#3 state=up; PON 1/1/2/1 state=up; PON 1/1/2/16 state=up; \
         PON 1/1/2/2 state=up",
    ),
    (
        "4 Nokia: both layouts in one chassis, and a box with a single card",
        "nokia-isam",
        &[
            ("1.3.6.1.2.1.2.2.1.3.94445568", N(250)),
            ("1.3.6.1.2.1.2.2.1.3.127926272", N(250)),
            ("1.3.6.1.2.1.2.2.1.3.62914560", N(270)),
            ("1.3.6.1.2.1.2.2.1.8.96469504", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.130024448", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.62914560", N(1)),
        ],
        "1/1/0/1#1 state=up; 1/1/1/1#2 state=up; 1/1/2/1#2 state=up",
    ),
    (
        "5 VSOL V1600D",
        "vsol-epon",
        &[
            ("1.3.6.1.4.1.37950.1.1.5.12.2.1.8.1.3.1.1", T("30.67 C")),
            ("1.3.6.1.4.1.37950.1.1.5.12.2.1.8.1.4.1.1", T("3.27 V")),
            ("1.3.6.1.4.1.37950.1.1.5.12.2.1.8.1.5.1.1", T("11.65 mA")),
            ("1.3.6.1.4.1.37950.1.1.5.12.2.1.8.1.6.1.1", T("2.38 mW (3.77 dBm)")),
            ("1.3.6.1.4.1.37950.1.1.5.12.2.1.8.1.7.1.1", T("0.03 mW (-14.61 dBm)")),
            ("1.3.6.1.4.1.37950.1.1.5.10.13.1.1.5.1", T("6.56 dbm")),
        ],
        "0/1#1 rx=-14.61 dBm tx=3.77 dBm temperature=30.67 °C voltage=3.27 V bias=11.65 mA; PON 0/1 tx=6.56 dBm",
    ),
    (
        "5 VSOL V1600GS: plain decimals, and no row for a working ONU",
        "vsol-gpon",
        &[
            ("1.3.6.1.4.1.37950.1.1.6.1.1.1.1.5.1.1", N(3)),
            ("1.3.6.1.4.1.37950.1.1.6.1.1.1.1.5.1.2", N(3)),
            ("1.3.6.1.4.1.37950.1.1.6.1.1.1.1.5.1.3", N(3)),
            ("1.3.6.1.4.1.37950.1.1.6.1.1.1.1.5.1.4", N(4)),
            ("1.3.6.1.4.1.37950.1.1.6.1.1.3.1.7.1.1", T("-10.47")),
            ("1.3.6.1.4.1.37950.1.1.6.1.1.3.1.7.1.2", T("-12.34")),
            ("1.3.6.1.4.1.37950.1.1.6.1.1.3.1.6.1.1", T("2.14")),
            ("1.3.6.1.4.1.37950.1.1.6.1.1.3.1.3.1.1", T("40.00")),
            ("1.3.6.1.4.1.37950.1.1.6.1.1.3.1.4.1.1", T("3.28")),
            ("1.3.6.1.4.1.37950.1.1.6.1.1.3.1.5.1.1", T("14.00")),
        ],
        "0/1#1 state=up rx=-10.47 dBm tx=2.14 dBm temperature=40 °C voltage=3.28 V bias=14 mA; \
         0/1#2 state=up rx=-12.34 dBm; 0/1#3 state=up; 0/1#4 state=down cause=power",
    ),
    (
        "6 C-Data GPON: two devices' rows, with two units of voltage",
        "cdata-gpon",
        &[
            ("1.3.6.1.4.1.17409.2.8.4.1.1.2.16779265", T("287203")),
            ("1.3.6.1.4.1.17409.2.8.4.1.1.3.16779265", X("48575443A6652B0B")),
            ("1.3.6.1.4.1.17409.2.8.4.1.1.7.16779265", N(1)),
            ("1.3.6.1.4.1.17409.2.8.4.1.1.9.16779265", N(788)),
            ("1.3.6.1.4.1.17409.2.8.4.1.1.103.16779265", T("dying-gasp")),
            ("1.3.6.1.4.1.17409.2.8.4.4.1.4.16779265.0.0", N(-2181)),
            ("1.3.6.1.4.1.17409.2.8.4.4.1.5.16779265.0.0", N(213)),
            ("1.3.6.1.4.1.17409.2.8.4.4.1.6.16779265.0.0", N(1695)),
            ("1.3.6.1.4.1.17409.2.8.4.4.1.7.16779265.0.0", N(328_000)),
            ("1.3.6.1.4.1.17409.2.8.4.4.1.8.16779265.0.0", N(4386)),
        ],
        "key 16779265 serial=HWTCA6652B0B name=287203 distance=788 m state=up last_down_cause=power rx=-21.81 dBm \
         tx=2.13 dBm temperature=43.86 °C voltage=3.28 V bias=16.95 mA",
    ),
    (
        "6 C-Data GPON: the second device, and a place in a name",
        "cdata-gpon",
        &[
            ("1.3.6.1.4.1.17409.2.8.4.1.1.2.4718593", T("gpon 0/0/1 onu 5 Maria")),
            ("1.3.6.1.4.1.17409.2.8.4.4.1.4.4718593.0.0", N(-985)),
            ("1.3.6.1.4.1.17409.2.8.4.4.1.5.4718593.0.0", N(202)),
            ("1.3.6.1.4.1.17409.2.8.4.4.1.6.4718593.0.0", N(1220)),
            ("1.3.6.1.4.1.17409.2.8.4.4.1.7.4718593.0.0", N(334)),
            ("1.3.6.1.4.1.17409.2.8.4.4.1.8.4718593.0.0", N(3471)),
        ],
        "0/0/1#5 name=Maria rx=-9.85 dBm tx=2.02 dBm temperature=34.71 °C voltage=3.34 V bias=12.2 mA",
    ),
    (
        "6 C-Data EPON: ifDescr with a note behind it",
        "cdata-epon",
        &[
            ("1.3.6.1.2.1.2.2.1.2.16777472", T("ge0/0/1")),
            ("1.3.6.1.2.1.2.2.1.2.16780544", T("pon0/0/1-centro")),
            ("1.3.6.1.2.1.2.2.1.8.16777472", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.16780544", N(1)),
        ],
        "PON 0/0/1 name=pon0/0/1-centro state=up",
    ),
    (
        "7 BDCOM GPON: interfaces, and tenths told from 0.002 dBm by what is usual",
        "bdcom-gpon",
        &[
            ("1.3.6.1.2.1.2.2.1.2.110", T("GPON0/1")),
            ("1.3.6.1.2.1.2.2.1.2.111", T("GPON0/2")),
            ("1.3.6.1.2.1.2.2.1.2.97", T("GigaEthernet0/1")),
            ("1.3.6.1.2.1.2.2.1.2.1179", T("GPON0/2:1")),
            ("1.3.6.1.2.1.2.2.1.2.1182", T("GPON0/2:4")),
            ("1.3.6.1.2.1.2.2.1.8.110", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.97", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.1179", N(1)),
            ("1.3.6.1.2.1.2.2.1.8.1182", N(2)),
            ("1.3.6.1.4.1.3320.10.3.1.1.35.1182", N(1)),
            ("1.3.6.1.4.1.3320.10.3.4.1.2.1179", N(-240)),
            ("1.3.6.1.4.1.3320.10.2.3.1.3.111.1", N(-252)),
        ],
        "0/2#1 state=up rx=-24 dBm olt_rx=-25.2 dBm; 0/2#4 state=down cause=power last_down_cause=power; \
         PON 0/1 name=GPON0/1 state=up; PON 0/2 name=GPON0/2",
    ),
    (
        "7 BDCOM GPON: 0.002 dBm",
        "bdcom-gpon",
        &[("1.3.6.1.4.1.3320.10.3.4.1.2.1179", N(-12_000)), ("1.3.6.1.4.1.3320.10.3.4.1.2.1180", N(-65_535))],
        "key 1179 rx=-24 dBm; key 1180",
    ),
    (
        "7 BDCOM EPON: the reason stands under the PON's interface and the MAC",
        "bdcom-epon",
        &[
            ("1.3.6.1.2.1.2.2.1.2.13", T("EPON0/1")),
            ("1.3.6.1.2.1.2.2.1.2.41", T("EPON0/1:3")),
            ("1.3.6.1.4.1.3320.101.10.1.1.3.41", X("001122334455")),
            ("1.3.6.1.4.1.3320.101.10.1.1.26.41", N(2)),
            ("1.3.6.1.4.1.3320.101.11.1.1.11.13.0.17.34.51.68.85", N(9)),
            ("1.3.6.1.4.1.3320.101.11.1.1.11.13.1.2.3.4.5.6", N(8)),
            ("1.3.6.1.4.1.3320.101.10.5.1.5.42", N(-203)),
        ],
        "0/1#3 mac=00:11:22:33:44:55 state=down cause=power last_down_cause=power; key 42 rx=-20.3 dBm; \
         PON 0/1 name=EPON0/1",
    ),
    (
        "8 Datacom: names, and levels as texts",
        "datacom-dmos",
        &[
            ("1.3.6.1.2.1.2.2.1.2.101744641", T("gpon-1/1/1")),
            ("1.3.6.1.2.1.2.2.1.2.437288961", T("xgspon-1/1/1")),
            ("1.3.6.1.2.1.2.2.1.2.51412993", T("gigabit-ethernet-1/1/1")),
            ("1.3.6.1.2.1.2.2.1.8.101744641", N(1)),
            ("1.3.6.1.4.1.3709.3.6.2.1.1.3.16778496", T("gpon-1/1/1-onu-5")),
            ("1.3.6.1.4.1.3709.3.6.2.1.1.7.16778496", N(1)),
            ("1.3.6.1.4.1.3709.3.6.2.1.1.22.16778496", T("-21.37")),
            ("1.3.6.1.4.1.3709.3.6.2.1.1.21.16778496", T("2.21")),
            ("1.3.6.1.4.1.3709.3.6.2.1.1.22.16778752", T("0.00")),
        ],
        "1/1/1#5 state=up rx=-21.37 dBm tx=2.21 dBm; key 16778752; PON 1/1/1 name=gpon-1/1/1 state=up",
    ),
    (
        "9 Dasan: text levels",
        "dasan-dzs",
        &[
            ("1.3.6.1.4.1.6296.101.23.6.6.1.1.20.1.1.1", T("-20.9700")),
            ("1.3.6.1.4.1.6296.101.23.6.6.1.1.20.1.2.1", T("-23.9800")),
            ("1.3.6.1.4.1.6296.101.23.6.6.1.1.20.1.3.1", T("N/A")),
        ],
        "1#1 rx=-20.97 dBm; 1#2 rx=-23.98 dBm; 1#3",
    ),
    (
        "9 Furukawa: the same under its own root",
        "furukawa-lightera",
        &[
            ("1.3.6.1.4.1.10428.9.1.101.23.3.1.1.2.2.7", N(1)),
            ("1.3.6.1.4.1.10428.9.1.101.23.3.1.1.45.2.7", N(2)),
            ("1.3.6.1.4.1.10428.9.1.101.23.3.1.1.16.2.8", N(-213)),
            ("1.3.6.1.4.1.10428.9.1.101.23.3.1.1.21.2.8", N(-225)),
        ],
        "2#7 state=down cause=power last_down_cause=power; 2#8 rx=-21.3 dBm olt_rx=-22.5 dBm",
    ),
    (
        "10 Parks: a magnitude",
        "parks",
        &[
            ("1.3.6.1.4.1.6771.10.1.5.1.15.1.2.3", N(2638)),
            ("1.3.6.1.4.1.6771.10.1.5.1.15.1.2.4", N(0)),
            ("1.3.6.1.4.1.6771.10.1.5.1.5.1.2.3", N(3)),
            ("1.3.6.1.4.1.6771.10.1.5.1.5.1.2.4", N(6)),
        ],
        "1/2#3 state=up rx=-26.38 dBm; 1/2#4 state=down cause=admin",
    ),
    (
        "11 Intelbras G16: texts without a value",
        "gcom-gpon",
        &[
            ("1.3.6.1.4.1.13464.1.14.2.4.1.1.1.4.0.1.2", T("-")),
            ("1.3.6.1.4.1.13464.1.14.2.4.1.1.1.6.0.1.2", N(1)),
            ("1.3.6.1.4.1.13464.1.14.2.4.1.1.1.7.0.1.2", T("<100")),
            ("1.3.6.1.4.1.13464.1.14.2.4.1.9.1.5.0.1.2", T("-21.30")),
            ("1.3.6.1.4.1.13464.1.14.2.4.1.9.1.11.0.1.2", T("-inf")),
        ],
        "0/1#2 distance=100 m state=up rx=-21.3 dBm",
    ),
    (
        "11 Zhone: a serial as an integer",
        "zhone-mxk",
        &[("1.3.6.1.4.1.5504.5.14.1.2.1.3.77", N(11_259_375)), ("1.3.6.1.4.1.5504.5.14.1.7.1.4.77", N(-214))],
        "key 77 serial=ZNTS00ABCDEF rx=-21.4 dBm",
    ),
    (
        "12 HiOSO: no DDM is not offline",
        "hioso-epon",
        &[
            ("1.3.6.1.4.1.25355.3.2.6.3.2.1.11.1.2.3", T("001122aabbcc")),
            ("1.3.6.1.4.1.25355.3.2.6.3.2.1.39.1.2.3", N(1)),
            ("1.3.6.1.4.1.25355.3.2.6.14.2.1.8.1.2.3", T("na")),
            ("1.3.6.1.4.1.25355.3.2.6.14.2.1.8.1.2.4", T("-18.20")),
        ],
        "2#3 mac=00:11:22:aa:bb:cc state=up; 2#4 rx=-18.2 dBm",
    ),
    (
        "13 Calix AXOS: tenths of microwatts",
        "calix-axos",
        &[
            ("1.3.6.1.4.1.6321.1.2.4.2.6.1.1.6.2000001", N(301)),
            ("1.3.6.1.4.1.6321.1.2.4.2.6.1.1.7.2000001", N(43_032)),
            ("1.3.6.1.4.1.6321.1.2.4.2.6.1.1.8.2000001", N(537)),
            ("1.3.6.1.4.1.6321.1.2.4.2.6.1.1.6.2000002", N(0)),
        ],
        "key 2000001 rx=-15.21 dBm olt_rx=-12.7 dBm tx=6.34 dBm; key 2000002",
    ),
    (
        "14 Ubiquiti: the index is the serial, and 0 is offline",
        "ubiquiti-ufiber",
        &[
            ("1.3.6.1.4.1.41112.1.5.6.2.1.1.12.85.66.78.84.50.48.55.51.49.56.56.56", T("UBNT20731888")),
            ("1.3.6.1.4.1.41112.1.5.6.2.1.8.12.85.66.78.84.50.48.55.51.49.56.56.56", N(228)),
            ("1.3.6.1.4.1.41112.1.5.6.2.1.9.12.85.66.78.84.50.48.55.51.49.56.56.56", N(-2481)),
            ("1.3.6.1.4.1.41112.1.5.6.2.1.9.12.85.66.78.84.50.48.55.51.49.56.56.57", N(0)),
        ],
        "key 85.66.78.84.50.48.55.51.49.56.56.56 serial=UBNT20731888 rx=-24.81 dBm tx=2.28 dBm; \
         key 85.66.78.84.50.48.55.51.49.56.56.57",
    ),
    (
        "15 Adtran: both layouts name one ONT's place",
        "adtran-ta5000",
        &[("1.3.6.1.4.1.664.6.10000.76.1.1.3.1.1.32.1075985408", N(-214))],
        "4/2#15 rx=-21.4 dBm",
    ),
    (
        "15 Adtran: the other layout",
        "adtran-ta5000",
        &[
            ("1.3.6.1.4.1.664.6.10000.76.1.1.3.1.1.32.1678261248", N(-214)),
            ("1.3.6.1.4.1.664.6.10000.76.1.1.3.1.1.33.1678261248", N(-9999)),
        ],
        "4/2#15 rx=-21.4 dBm",
    ),
    (
        "15 Raisecom: two indexes, and levels around 15000",
        "raisecom-gpon",
        &[
            ("1.3.6.1.4.1.8886.18.3.1.3.1.1.17.277020673", N(1)),
            ("1.3.6.1.4.1.8886.18.3.1.3.1.1.17.294060034", N(3)),
            ("1.3.6.1.4.1.8886.18.3.1.3.1.1.15.294060034", N(13)),
            ("1.3.6.1.4.1.8886.18.3.6.3.1.1.16.10301001", N(4300)),
            ("1.3.6.1.4.1.8886.18.3.6.3.1.1.16.30701001", N(0)),
            ("1.3.6.1.4.1.8886.18.3.1.3.3.1.1.277020673", N(-231)),
        ],
        "1/3#1 state=up rx=-21.4 dBm olt_rx=-23.1 dBm; 3/7#1; 3/7#2 state=down cause=optical last_down_cause=optical",
    ),
    (
        "15 Eltex: the serial's octets as an index, and the PON in a column",
        "eltex-ltp",
        &[
            ("1.3.6.1.4.1.35265.1.22.3.1.1.2.1.69.76.84.88.98.0.16.50", X("454C545862001032")),
            ("1.3.6.1.4.1.35265.1.22.3.1.1.3.1.69.76.84.88.98.0.16.50", N(4)),
            ("1.3.6.1.4.1.35265.1.22.3.1.1.4.1.69.76.84.88.98.0.16.50", N(9)),
            ("1.3.6.1.4.1.35265.1.22.3.1.1.5.1.69.76.84.88.98.0.16.50", N(7)),
            ("1.3.6.1.4.1.35265.1.22.3.1.1.11.1.69.76.84.88.98.0.16.50", N(-243)),
            ("1.3.6.1.4.1.35265.1.22.3.1.1.14.1.69.76.84.88.98.0.16.50", N(-21_370)),
        ],
        "4#9 serial=ELTX62001032; key 1.69.76.84.88.98.0.16.50 state=up rx=-21.37 dBm olt_rx=-24.3 dBm",
    ),
    (
        "15 TP-Link: newer columns",
        "tplink-deltastream",
        &[
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.6.1.1.3", T("TPLG-12345678")),
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.11.1.1.3", N(1)),
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.26.1.1.3", T("-21.37")),
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.27.1.1.3", T("2.21")),
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.28.1.1.3", T("--")),
        ],
        "1/1#3 serial=TPLG12345678 state=up rx=-21.37 dBm tx=2.21 dBm",
    ),
    (
        "15 TP-Link: the P7000's columns of the same table",
        "tplink-deltastream",
        &[
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.3.1.1.3", T("TPLG12345678")),
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.11.1.1.3", N(1)),
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.24.1.1.3", N(-2137)),
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.22.1.1.3", N(221)),
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.26.1.1.3", N(1200)),
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.27.1.1.3", N(3300)),
            ("1.3.6.1.4.1.11863.6.100.1.7.2.1.28.1.1.3", N(41)),
        ],
        "1/1#3 serial=TPLG12345678 state=up rx=-21.37 dBm tx=2.21 dBm temperature=41 °C",
    ),
];

#[test]
fn every_worked_example_means_what_it_is_said_to_mean() {
    for (section, family, rows, meaning) in EXAMPLES {
        let rows: Vec<(Oid, Value)> = rows.iter().map(|(oid, value)| (oid.parse().unwrap(), value.value())).collect();
        assert_eq!(told(&profile(family), &rows), *meaning, "section {section}");
    }
}

/// The first line of a capture with this OID, as kind and value.
fn first(capture: &str, oid: &str) -> Option<String> {
    capture.lines().find_map(|line| {
        let mut parts = line.trim_start_matches('.').splitn(3, '|');
        let (found, kind, value) = (parts.next()?, parts.next()?, parts.next()?);
        (found == oid).then(|| match kind {
            "4x" => (0..value.len())
                .step_by(2)
                .map(|at| char::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()))
                .collect(),
            _ => value.to_owned(),
        })
    })
}

/// Whether a capture has a row inside of a subtree.
fn answers(capture: &str, subtree: &Oid) -> bool {
    let within = format!("{subtree}.");
    capture.lines().any(|line| line.trim_start_matches('.').starts_with(&within))
}

#[test]
fn the_family_of_every_captured_device_is_found() {
    const TEST: &str = "families of captures";
    let library = Library::load(None).unwrap();
    for (name, family) in [
        ("bdcom-gp3600-16b-1", Some("bdcom-gpon")),
        ("calix-axos-e7-2-1", Some("calix-axos")),
        ("calix-e7-2-1", Some("calix-exa")),
        ("calix-e7-2-2", Some("calix-exa")),
        ("cdata-fd12xx-epon-1", Some("cdata-epon")),
        ("dasan-v5812g-1", Some("dasan-dzs")),
        ("datacom-dm4610-hw2-1", Some("datacom-dmos")),
        ("datacom-dm4611-1", Some("datacom-dmos")),
        ("datacom-dm4616-1", Some("datacom-dmos")),
        ("datacom-dm4618-1", Some("datacom-dmos")),
        ("eltex-ltp8x-1", Some("eltex-ltp")),
        ("fiberhome-an5516-01-1", Some("fiberhome-an5516")),
        ("fiberhome-an5516-04-1", Some("fiberhome-an5516")),
        ("fiberhome-an5516-06-1", Some("fiberhome-an5516")),
        ("huawei-ma56xx-1", Some("huawei-smartax")),
        ("nokia-isam7360-1", Some("nokia-isam")),
        ("ubnt-ufiber-olt-1", Some("ubiquiti-ufiber")),
        ("ubnt-uisp-xgs-1", Some("ubiquiti-ufiber")),
        ("vsol-v1600d-1", Some("vsol-epon")),
        ("zte-c300-1", Some("zte-c300-c320")),
        ("zte-c320-1", Some("zte-c300-c320")),
        ("zte-c600-fragment-1", Some("zte-c600")),
        ("zte-c620-1", Some("zte-c600")),
        // No facts are known of an EPON chassis of Raisecom, nor of these two makers.
        ("raisecom-iscom5508-epsc-1", None),
        ("infinera-7090-1", None),
        ("ubiquoss-c9500-1", None),
    ] {
        let Some(path) = support::capture(TEST, name) else { return };
        let capture = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let sys_descr = first(&capture, "1.3.6.1.2.1.1.1.0").unwrap_or_default();
        let sys_object_id = first(&capture, "1.3.6.1.2.1.1.2.0").unwrap();
        let sys_object_id: Oid = sys_object_id.trim_start_matches('.').parse().unwrap();
        let candidates = library.candidates(&sys_object_id, &sys_descr);
        let found =
            candidates.iter().find(|candidate| candidate.probe.as_ref().is_none_or(|probe| answers(&capture, probe)));
        assert_eq!(found.map(|candidate| candidate.profile.name()), family, "{name}");
    }
}

/// Every profile names at least who an ONU is or how much light it gets, and no field twice without need.
#[test]
fn a_profile_tells_who_an_onu_is_or_whether_it_is_up() {
    use oltwatch::mib::FieldName::{Mac, Name, Rx, Serial, State};
    for profile in Library::load(None).unwrap().iter() {
        let has = |field| profile.has_field(Rows::Onu, field);
        assert!(has(Serial) || has(Mac) || has(Name) || profile.name() == "calix-exa", "{}", profile.name());
        assert!(has(State) || has(Rx), "{}", profile.name());
        assert!(!profile.source().is_empty() && !profile.tested().is_empty() && !profile.models().is_empty());
    }
}
