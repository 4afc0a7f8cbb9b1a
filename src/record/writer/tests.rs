use std::os::fd::OwnedFd;

use super::*;
use crate::config::{AddressMatch, Pattern, StatusMap, ThresholdRule, Thresholds};
use crate::model::{
    Completeness, Dbm, Gap, Mac, OnuKey, OnuState, PonId, Reading, SweepKind, SweepScope, Unread, Verdict,
};
use crate::record::RecordingReader;

fn rules() -> Rules {
    let thresholds = Thresholds::default();
    Rules { thresholds, status: StatusMap::all(Verdict::Error) }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + second * 1000 + 123)
}

fn intervals() -> Intervals {
    Intervals { state: Duration::from_secs(60), optics: Duration::from_secs(900), inventory: Duration::from_secs(3600) }
}

/// A sweep in which every kind of value occurs.
fn sweep(second: u64) -> Arc<Sweep> {
    let known = Reading {
        pon: PonId::new(&[0, 1, 3]).ok(),
        onu: Some(7),
        serial: Ok("HWTC7D4630C3".parse().unwrap()),
        mac: Ok(Mac::from_octets(&[0xaa, 0xbb, 0xcc, 1, 2, 3]).unwrap()),
        name: Ok("Maria da Silva".into()),
        state: Ok(OnuState::Up),
        rx: Ok(Dbm::from_thousandths(-21_370)),
        olt_rx: Err(Unread::Sentinel(2_147_483_647.into())),
        ..Reading::unread(OnuKey::new(&[4_194_304_000, 7]), Unread::NotAsked)
    };
    let by_serial = Reading {
        state: Err(Unread::NoRow),
        ..Reading::unread(OnuKey::new(&[8, 72, 87, 84, 67, 125, 70, 48, 195]), Unread::NoAnswer)
    };
    let mut onus = vec![known, by_serial];
    onus.sort_by(|one, other| one.key.cmp(&other.key));
    Arc::new(Sweep {
        olt: OltId::new("olt-centro"),
        kind: SweepKind::Optics,
        scope: SweepScope::Whole,
        started: at(second),
        elapsed: Duration::from_millis(1234),
        completeness: Completeness::Partial(vec![Gap { what: "optics".into(), why: "192.0.2.1 is silent".into() }]),
        uptime: Some(Duration::from_secs(86_400)),
        boots: None,
        pons: Vec::new(),
        onus,
        pdus: 12,
    })
}

fn entries(path: &Path) -> (Vec<Entry<'static>>, bool) {
    let mut reader = RecordingReader::open(path).unwrap();
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        found.push(entry);
    }
    (found, reader.is_cut_off())
}

#[test]
fn what_is_noted_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::start(&folder.path().join("r-{time}.gz"), at(0), rules(), None).unwrap();
    assert!(recording.path().ends_with("r-20231114T221320Z.gz"), "{:?}", recording.path());
    let path = recording.path().to_owned();
    let recorder = recording.recorder();
    recorder.sweep(&sweep(1), intervals());
    recorder.no_answer(&OltId::new("olt-sul"), at(2));
    recorder.hint(&OltId::new("olt-sul"), at(3), Hint::Pons([PonId::new(&[1]).unwrap()].into()));
    recorder.rules(at(4), rules());
    recording.end(at(5));
    recorder.sweep(&sweep(6), intervals());
    let (found, cut_off) = entries(&path);
    assert!(!cut_off);
    let [
        Entry::Sweep { state_every_ms: 60_000, optics_every_ms: 900_000, sweep: read },
        Entry::NoAnswer { .. },
        Entry::Hint { look: Looked::Pons(pons), .. },
        Entry::Rules { .. },
        Entry::End { .. },
    ] = &found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!(**read, *sweep(1));
    assert_eq!(pons.len(), 1);
}

#[test]
fn a_recording_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.gz");
    std::fs::write(&path, "mine").unwrap();
    let error = Recording::start(&path, at(0), rules(), None).unwrap_err();
    assert!(matches!(error, RecordError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

#[test]
fn a_recording_that_was_cut_off_anywhere_gives_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.gz");
    let recording = Recording::start(&path, at(0), rules(), None).unwrap();
    for second in 0..20 {
        recording.recorder().sweep(&sweep(second), intervals());
    }
    recording.end(at(30));
    let whole = std::fs::read(&path).unwrap();
    let mut most = 0;
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let Ok(mut reader) = RecordingReader::open(&path) else { continue };
        let mut count = 0;
        while let Some(entry) = reader.next_entry().unwrap() {
            assert!(matches!(&entry, Entry::Sweep { .. } | Entry::End { .. }));
            count += 1;
        }
        assert!(reader.is_cut_off() || count == 21, "{length} of {}", whole.len());
        most = most.max(count);
    }
    assert!(most >= 19, "{most}");
}

#[test]
fn what_is_no_recording_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r");
    let header = serde_json::to_string(&Header {
        oltwatch_recording: FORMAT,
        version: String::new(),
        started: at(0),
        scrubbed: false,
        rules: rules(),
    })
    .unwrap();
    for (text, expected) in [
        (String::new(), "its first line is not"),
        ("[[olt]]\n".to_owned(), "its first line is not"),
        ("{\"a\":1}\n".to_owned(), "has no \"oltwatch_recording\""),
        ("{\"oltwatch_recording\":3}\n".to_owned(), "it has format 3"),
        ("{\"oltwatch_recording\":1}\n".to_owned(), "r:1: missing field"),
        (format!("{header}\n{{\"no_answer\":{{\"olt\":\"a\",\"at_ms\":1}}}}\n{{\"x\":1}}\n"), "r:3: unknown variant"),
        (format!("{header}\n{{\"no_answer\":\n"), "r:2: EOF while parsing"),
    ] {
        std::fs::write(&path, &text).unwrap();
        let error = match RecordingReader::open(&path) {
            Err(error) => error,
            Ok(mut reader) => loop {
                match reader.next_entry() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{text} is taken"),
                    Err(error) => break error,
                }
            },
        };
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_disk_that_takes_no_more_ends_the_recording_and_nothing_else() {
    let (reader, writer) = std::io::pipe().unwrap();
    let file = File::from(OwnedFd::from(writer));
    let recording = Recording::write_to(file, PathBuf::from("pipe"), at(0), rules(), None).unwrap();
    drop(reader);
    let recorder = recording.recorder();
    recorder.sweep(&sweep(1), intervals());
    recording.end(at(2));
    // The writer is gone; nothing waits and nothing grows.
    recorder.sweep(&sweep(3), intervals());
    assert!(recorder.shared.broken.load(Ordering::Relaxed));
}

#[test]
fn a_disk_that_is_full_from_the_beginning_is_told_at_once() {
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        return;
    };
    let error = Recording::write_to(full, PathBuf::from("full"), at(0), rules(), None).unwrap_err();
    assert!(matches!(error, RecordError::File { what: "written", .. }), "{error}");
}

#[test]
fn entries_that_do_not_fit_are_counted_and_the_recording_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.gz");
    let writer = |file| Writer { lines: GzEncoder::new(BufWriter::new(file), Compression::fast()), scrubber: None };
    let mut first = writer(File::create(&path).unwrap());
    first.header(at(0), rules()).unwrap();
    let (notes, received) = mpsc::channel();
    let recorder = Recorder { notes, shared: Arc::default() };
    // As if a disk had not taken anything for a long time.
    recorder.shared.waiting.store(MOST_WAITING, Ordering::Relaxed);
    recorder.sweep(&sweep(1), intervals());
    recorder.sweep(&sweep(2), intervals());
    recorder.shared.waiting.store(0, Ordering::Relaxed);
    recorder.sweep(&sweep(3), intervals());
    let shared = Arc::clone(&recorder.shared);
    drop(recorder);
    write_all(first, &received, &shared, &path);
    let (found, _) = entries(&path);
    assert!(matches!(&found[..], [Entry::Lost { entries: 2 }, Entry::Sweep { .. }]), "{found:?}");
}

#[test]
fn a_scrubbed_recording_says_nothing_of_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.gz");
    let mut rules = rules();
    let place = AddressMatch { olt: Some(Pattern::new("olt-c*")), pon: None };
    rules.thresholds.overrides.push((place, ThresholdRule::default()));
    let scrubber = Scrubber::new([7; 32], vec![OltId::new("olt-centro"), OltId::new("olt-sul")]);
    let name = scrubber.olt(&OltId::new("olt-centro"));
    let recording = Recording::start(&path, at(0), rules, Some(scrubber)).unwrap();
    recording.recorder().sweep(&sweep(1), intervals());
    recording.recorder().sweep(&sweep(2), intervals());
    recording.recorder().no_answer(&OltId::new("olt-centro"), at(3));
    recording.end(at(4));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(File::open(&path).unwrap()), &mut text)
        .unwrap();
    for secret in ["7D4630C3", "aa:bb:cc:01:02:03", "Maria", "olt-c", "192.0.2.1", "125,70,48,195"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // What decides stays, and who is who stays as well.
    let mut reader = RecordingReader::open(&path).unwrap();
    assert!(reader.header().scrubbed);
    let rule_for_it = &reader.header().rules.thresholds.overrides;
    assert!(rule_for_it.len() == 1 && rule_for_it[0].0.fits(name.as_str(), None));
    let mut sweeps = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        if let Entry::Sweep { sweep, .. } = entry {
            sweeps.push(sweep.into_owned());
        }
    }
    let [first, second] = &sweeps[..] else { panic!("{sweeps:?}") };
    assert_eq!(first.onus, second.onus);
    assert_eq!(first.olt, name);
    let known = first.onus.iter().find(|reading| reading.serial.is_ok()).unwrap();
    assert!(known.serial.as_ref().unwrap().as_str().starts_with("HWTC"));
    assert!(known.mac.unwrap().to_string().starts_with("aa:bb:cc:"));
    assert_eq!(known.rx, Ok(Dbm::from_thousandths(-21_370)));
    assert!(first.onus.is_sorted_by(|one, other| one.key < other.key));
}
