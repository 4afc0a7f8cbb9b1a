//! From a file to a [`Config`], or to everything that is wrong with it.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::alert::Alert;
use super::error::{ConfigError, Problem};
use super::model::{Config, Profile};
use super::reader::{Reader, Section, did_you_mean, nearest, quote};
use super::schema::ROOT;
use super::sections;
use super::source::Source;

/// Longest configuration, in octets: more than ten thousand OLTs fit.
pub const LONGEST_CONFIG: usize = 4 * 1024 * 1024;

/// Longest text, in octets, that is searched for more than its first mistake of syntax: one that is no TOML at all has
/// one in every character, and each costs more memory than the character.
const LONGEST_RECOVERY: usize = 256 * 1024;

/// Mistakes of syntax that are reported; each may cause others behind it.
const MOST_SYNTAX_PROBLEMS: usize = 20;

impl Config {
    /// Reads and checks a file. Relative paths in it begin at its folder; `environment` gives a variable's value.
    ///
    /// # Errors
    /// [`ConfigError`]: the file cannot be read, or everything that is wrong in it.
    pub fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let unreadable = |reason| ConfigError::Unreadable { file: name.clone(), reason };
        let file = File::open(path).map_err(unreadable)?;
        let mut octets = Vec::new();
        // One octet more than allowed shows that the file is too long, whatever its length is said to be.
        let most = u64::try_from(LONGEST_CONFIG).unwrap_or(u64::MAX).saturating_add(1);
        file.take(most).read_to_end(&mut octets).map_err(unreadable)?;
        let base_dir = path.parent().unwrap_or(Path::new(""));
        match std::str::from_utf8(&octets) {
            Ok(text) => {
                let mut config = Self::parse(text, &name, base_dir, environment)?;
                config.maintenance_file.get_or_insert_with(|| {
                    let mut beside = path.as_os_str().to_owned();
                    beside.push(".maintenance");
                    beside.into()
                });
                config.alerts_file.get_or_insert_with(|| {
                    let mut beside = path.as_os_str().to_owned();
                    beside.push(".alerts");
                    beside.into()
                });
                Ok(config)
            }
            Err(_) if octets.len() > LONGEST_CONFIG => Err(too_long(&name)),
            Err(error) => {
                let good = octets.get(..error.valid_up_to()).and_then(|good| std::str::from_utf8(good).ok());
                let (line, column) = Source::new(&name, good.unwrap_or_default()).place(error.valid_up_to());
                let message = "expected text in UTF-8, found an octet that is none".to_owned();
                Err(invalid(vec![Problem { file: name, line, column, message, excerpt: None }]))
            }
        }
    }

    /// Checks a text. `file_name` is what messages call it; relative paths in it begin at `base_dir`; `environment` gives
    /// a variable's value.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`]: everything that is wrong in it.
    pub fn parse(
        text: &str,
        file_name: &str,
        base_dir: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        if text.len() > LONGEST_CONFIG {
            return Err(too_long(file_name));
        }
        let mut source = Source::new(file_name, text);
        let root = DeTable::parse(text).map_err(|first| {
            let mut mistakes = vec![first];
            if text.len() <= LONGEST_RECOVERY {
                mistakes.extend(DeTable::parse_recoverable(text).1);
            }
            syntax_error(&source, &mistakes)
        })?;
        source.learn(root.get_ref());
        let reader = Reader::new(&source, environment, base_dir);
        let root = Section::new(&reader, &ROOT, root.get_ref(), 0..0);
        let (snmp, credentials) = sections::snmp(&root);
        let (olts, places) = sections::olts(&root, &credentials);
        let store = sections::store(&root);
        let config = Self {
            maintenance_file: store.as_ref().map(|store| store.path.with_extension("maintenance")),
            alerts_file: store.as_ref().map(|store| store.path.with_extension("alerts")),
            ozmap: sections::ozmap(&root),
            thresholds: sections::thresholds(&root, &olts),
            maintenance: sections::maintenance(&root, &olts),
            snmp,
            olts,
            store,
            http: sections::http(&root),
            trap: sections::trap(&root),
            alerts: sections::alerts(&root),
            incident: sections::incident(&root),
            mibs: sections::mibs(&root),
            warnings: Vec::new(),
            places,
        };
        let warnings = reader.finish()?;
        Ok(Self { warnings, ..config })
    }

    /// Checks that every profile that an OLT names is one of `known`, which only the room that loads them knows.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with each OLT whose profile is unknown.
    pub fn check_profiles(&self, known: &[&str]) -> Result<(), ConfigError> {
        let problem = |olt: &super::Olt| {
            let Profile::Named(name) = &olt.profile else { return None };
            if known.contains(&name.as_str()) {
                return None;
            }
            let place = self.places.profiles.get(&olt.name);
            let near = nearest(name, known.iter().copied().chain(["auto"]));
            let help = match near {
                Some(_) => did_you_mean(near),
                None => format!("; expected \"auto\" or one of {}", known.join(", ")),
            };
            Some(Problem {
                file: place.map(|place| place.file.clone()).unwrap_or_default(),
                line: place.map_or(1, |place| place.line),
                column: place.map_or(1, |place| place.column),
                message: format!("olt.profile: there is no profile {}{help}", quote(name)),
                excerpt: None,
            })
        };
        let problems: Vec<Problem> = self.olts.iter().filter_map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(invalid(problems)) }
    }

    /// Checks that every alert's template can be used, by `check`, which says in words what is wrong with one.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with each template that is wrong.
    pub fn check_templates(&self, check: &dyn Fn(&Alert) -> Result<(), String>) -> Result<(), ConfigError> {
        let problem = |alert: &Alert| {
            let place = &alert.template.as_ref()?.place;
            let why = check(alert).err()?;
            let message = format!("alert.template: the template of {} cannot be used: {why}", quote(&alert.name));
            let (file, line, column) = (place.file.clone(), place.line, place.column);
            Some(Problem { file, line, column, message, excerpt: None })
        };
        let problems: Vec<Problem> = self.alerts.iter().filter_map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(invalid(problems)) }
    }
}

fn invalid(problems: Vec<Problem>) -> ConfigError {
    ConfigError::Invalid { problems, left_out: 0 }
}

fn too_long(file: &str) -> ConfigError {
    let message =
        format!("expected at most {} MiB, found more; this is no configuration", LONGEST_CONFIG / 1024 / 1024);
    invalid(vec![Problem { file: file.to_owned(), line: 1, column: 1, message, excerpt: None }])
}

/// What the parser says, one mistake a line: what follows on the same line is mostly a consequence.
fn syntax_error(source: &Source<'_>, mistakes: &[toml::de::Error]) -> ConfigError {
    let mut spans: Vec<(Range<usize>, &str)> =
        mistakes.iter().map(|mistake| (mistake.span().unwrap_or(0..0), mistake.message())).collect();
    spans.sort_by_key(|(span, _)| span.start);
    let mut problems: Vec<Problem> = Vec::new();
    let mut left_out = 0_usize;
    for (span, message) in spans {
        let line = source.line(span.start);
        if problems.last().is_some_and(|last| last.line == line) {
            continue;
        }
        if problems.len() >= MOST_SYNTAX_PROBLEMS {
            left_out = left_out.saturating_add(1);
            continue;
        }
        let (_, column) = source.place(span.start);
        let excerpt = source.raw_excerpt(&span);
        let message = format!("not TOML: {}", message.trim_end_matches(", expected nothing"));
        problems.push(Problem { file: source.file().to_owned(), line, column, message, excerpt });
    }
    ConfigError::Invalid { problems, left_out }
}
