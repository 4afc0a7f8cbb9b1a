//! Where secrets come from: the file itself, a file of their own, or the environment; exactly one of them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::model::Secret;
use super::reader::{Section, alternatives};

/// Longest secret, in octets. API keys that are signed documents run to a few thousand.
const LONGEST: u64 = 16 * 1024;

/// The environment variable by which systemd tells a service where its credentials are.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// What a secret is and how it may be given.
pub(super) struct Wanted {
    /// Stem of its keys: `token` for `token`, `token_file`, `token_env`.
    pub stem: &'static str,
    /// Whether the stem itself is a key that holds the secret.
    pub inline: bool,
    /// What it is, for messages.
    pub what: &'static str,
    /// Least length in octets.
    pub least: usize,
    /// Whether it travels in an HTTP header, which carries visible ASCII only.
    pub header: bool,
}

impl Section<'_> {
    /// The secret, if exactly one source is given and it holds one. Mistakes are noted; `None` without a mistake means
    /// that no source is given.
    pub(super) fn secret(&self, wanted: &Wanted) -> Option<Secret> {
        let Wanted { stem, inline, what, .. } = wanted;
        let (file_key, env_key) = (format!("{stem}_file"), format!("{stem}_env"));
        let keys = [inline.then_some(*stem), Some(file_key.as_str()), Some(env_key.as_str())];
        let mut given: Vec<(usize, &str)> =
            keys.into_iter().flatten().filter_map(|key| Some((self.at(key)?.start, key))).collect();
        given.sort_unstable();
        if let [(_, first), (_, second), ..] = given.as_slice() {
            self.wrong(second, &format!("{what} is already given by {first:?}; exactly one of them is expected"));
            return None;
        }
        let (_, key) = given.into_iter().next()?;
        let value = if key == file_key {
            let named = self.text(key, &format!("the path of a file that holds {what}"), some)?;
            self.read_file(wanted, key, named.value)?
        } else if key == env_key {
            let named = self.text(key, &format!("the name of an environment variable that holds {what}"), |name| {
                // Else it may be the secret itself, and must not be repeated as a name.
                let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                let starts = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
                if is_name && starts && name.len() <= 128 {
                    Ok(name)
                } else {
                    Err(" that is none: letters, digits and underscores".to_owned())
                }
            })?;
            let name = named.value;
            let Some(value) = (self.reader.environment)(name) else {
                self.wrong(key, &format!("the environment variable {name} is not set; it should hold {what}"));
                return None;
            };
            self.accept(wanted, key, &value, &format!("the environment variable {name}"))?
        } else {
            let value = self.text(key, what, Ok)?.value;
            self.accept(wanted, key, value, "it")?
        };
        Some(Secret::new(value))
    }

    /// Like [`secret`](Self::secret), and it is a mistake when no source is given.
    pub(super) fn required_secret(&self, wanted: &Wanted) -> Option<Secret> {
        let Wanted { stem, inline, what, .. } = wanted;
        let (file_key, env_key) = (format!("{stem}_file"), format!("{stem}_env"));
        let keys = [Some(file_key.as_str()), Some(env_key.as_str()), inline.then_some(*stem)];
        let keys: Vec<&str> = keys.into_iter().flatten().collect();
        self.require_one(
            &keys,
            &format!("lacks {what}: expected exactly one of {}", alternatives(keys.iter().copied())),
        );
        self.secret(wanted)
    }

    fn read_file(&self, wanted: &Wanted, key: &str, written: &str) -> Option<String> {
        let place = match self.resolve(written) {
            Ok(place) => place,
            Err(message) => {
                self.wrong(key, &message);
                return None;
            }
        };
        let shown = place.shown();
        match read_bounded(&place.path) {
            Ok((text, metadata)) => {
                if world_readable(&metadata) {
                    let message = format!(
                        "{}: {shown} can be read by everyone on this machine; take that right away (chmod o-r)",
                        self.name(key)
                    );
                    self.reader.warn(&self.at(key).unwrap_or_else(|| self.span.clone()), &message);
                }
                self.accept(wanted, key, &text, &shown)
            }
            Err(reason) => {
                self.wrong(key, &format!("{shown} cannot be read: {reason}"));
                None
            }
        }
    }

    /// Where a `*_file` value points to. A bare name and `$CREDENTIALS_DIRECTORY/name` mean a systemd credential where
    /// systemd passed any; everything else that is relative begins at the configuration's folder.
    fn resolve(&self, written: &str) -> Result<Place, String> {
        let directory = (self.reader.environment)(CREDENTIALS_DIRECTORY).filter(|directory| !directory.is_empty());
        let rest = ["$CREDENTIALS_DIRECTORY/", "${CREDENTIALS_DIRECTORY}/"]
            .iter()
            .find_map(|prefix| written.strip_prefix(prefix));
        if let Some(rest) = rest {
            let Some(directory) = directory else {
                return Err(format!(
                    "{CREDENTIALS_DIRECTORY} is not set; systemd sets it for a service with LoadCredential="
                ));
            };
            return Ok(Place { path: Path::new(&directory).join(rest), name_may_be_secret: false });
        }
        let bare = !written.contains(['/', '\\']);
        if let Some(directory) = directory.filter(|_| bare) {
            let credential = Path::new(&directory).join(written);
            if credential.exists() {
                return Ok(Place { path: credential, name_may_be_secret: false });
            }
        }
        let path = self.reader.base_dir.join(written);
        let has_extension = Path::new(written)
            .extension()
            .and_then(std::ffi::OsStr::to_str)
            .is_some_and(|extension| extension.len() <= 10 && extension.bytes().all(|byte| byte.is_ascii_alphabetic()));
        Ok(Place { path, name_may_be_secret: written.len() > 255 || (bare && !(has_extension && written.len() <= 64)) })
    }

    /// The secret in a text, without the newline at its end.
    fn accept(&self, wanted: &Wanted, key: &str, text: &str, source: &str) -> Option<String> {
        let Wanted { what, least, header, .. } = wanted;
        let value = text.trim_end_matches(['\r', '\n']);
        let mistake = if value.is_empty() {
            format!("{source} is empty; it should hold {what}")
        } else if value.len() < *least {
            format!("{source} holds {} octets; {what} has at least {least}", value.len())
        } else if value.trim() != value {
            format!("{source} begins or ends with a space; {what} is expected alone")
        } else if value.chars().any(char::is_control) {
            format!("{source} holds several lines or control characters; {what} is expected alone, on one line")
        } else if *header && !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            format!("{source} holds spaces or characters outside of ASCII; {what} has none")
        } else {
            return Some(value.to_owned());
        };
        self.wrong(key, &mistake);
        None
    }
}

/// A file to read, and whether its name may be shown.
struct Place {
    path: PathBuf,
    /// A bare word that looks like no file name may be the secret, put under the wrong key.
    name_may_be_secret: bool,
}

impl Place {
    fn shown(&self) -> String {
        if self.name_may_be_secret {
            let folder = self.path.parent().unwrap_or(&self.path);
            return format!("the file of the name given here, in {}, ", folder.display()).trim_end().to_owned();
        }
        self.path.display().to_string()
    }
}

fn some(text: &str) -> Result<&str, String> {
    if text.is_empty() { Err(String::new()) } else { Ok(text) }
}

/// A regular file's text, if it is not longer than a secret can be.
fn read_bounded(path: &Path) -> Result<(String, std::fs::Metadata), String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned()); // and a pipe would block for ever
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut octets = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut octets).map_err(|error| error.to_string())?;
    if u64::try_from(octets.len()).is_ok_and(|length| length > LONGEST) {
        return Err(format!("it is longer than {LONGEST} octets, which is no secret"));
    }
    let text = String::from_utf8(octets).map_err(|_| "it is not text in UTF-8".to_owned())?;
    Ok((text, metadata))
}

#[cfg(unix)]
fn world_readable(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o004 != 0
}

#[cfg(not(unix))]
fn world_readable(_: &std::fs::Metadata) -> bool {
    false
}
