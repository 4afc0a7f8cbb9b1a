//! All profiles: the built-in ones, and those of a folder in place of built-in ones of the same name.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::compile::{Compiled, compile, names_in};
use super::error::MibError;
use super::overlap::overlap;
use super::profile::Profile;
use crate::config::Problem;
use crate::snmp::Oid;

/// The profiles in `mibs/`, built into the binary.
const BUILT_IN: &[(&str, &str)] = &[
    ("adtran-ta5000.toml", include_str!("../../mibs/adtran-ta5000.toml")),
    ("bdcom-epon.toml", include_str!("../../mibs/bdcom-epon.toml")),
    ("bdcom-gpon.toml", include_str!("../../mibs/bdcom-gpon.toml")),
    ("calix-axos.toml", include_str!("../../mibs/calix-axos.toml")),
    ("calix-exa.toml", include_str!("../../mibs/calix-exa.toml")),
    ("cdata-epon-old.toml", include_str!("../../mibs/cdata-epon-old.toml")),
    ("cdata-epon.toml", include_str!("../../mibs/cdata-epon.toml")),
    ("cdata-gpon.toml", include_str!("../../mibs/cdata-gpon.toml")),
    ("dasan-dzs.toml", include_str!("../../mibs/dasan-dzs.toml")),
    ("datacom-dmos.toml", include_str!("../../mibs/datacom-dmos.toml")),
    ("digistar.toml", include_str!("../../mibs/digistar.toml")),
    ("eltex-ltp.toml", include_str!("../../mibs/eltex-ltp.toml")),
    ("fiberhome-an5516.toml", include_str!("../../mibs/fiberhome-an5516.toml")),
    ("furukawa-lightera.toml", include_str!("../../mibs/furukawa-lightera.toml")),
    ("gcom-epon.toml", include_str!("../../mibs/gcom-epon.toml")),
    ("gcom-gpon.toml", include_str!("../../mibs/gcom-gpon.toml")),
    ("hioso-epon.toml", include_str!("../../mibs/hioso-epon.toml")),
    ("hsgq-epon.toml", include_str!("../../mibs/hsgq-epon.toml")),
    ("huawei-smartax.toml", include_str!("../../mibs/huawei-smartax.toml")),
    ("nokia-isam.toml", include_str!("../../mibs/nokia-isam.toml")),
    ("parks.toml", include_str!("../../mibs/parks.toml")),
    ("raisecom-gpon.toml", include_str!("../../mibs/raisecom-gpon.toml")),
    ("snr-gpon.toml", include_str!("../../mibs/snr-gpon.toml")),
    ("tplink-deltastream.toml", include_str!("../../mibs/tplink-deltastream.toml")),
    ("ubiquiti-ufiber.toml", include_str!("../../mibs/ubiquiti-ufiber.toml")),
    ("vsol-epon.toml", include_str!("../../mibs/vsol-epon.toml")),
    ("vsol-gpon.toml", include_str!("../../mibs/vsol-gpon.toml")),
    ("zhone-mxk.toml", include_str!("../../mibs/zhone-mxk.toml")),
    ("zte-c300-c320.toml", include_str!("../../mibs/zte-c300-c320.toml")),
    ("zte-c600.toml", include_str!("../../mibs/zte-c600.toml")),
];

/// What stands behind the names of files that are compiled in.
const BUILT_IN_MARK: &str = " (built in)";
/// Largest profile file that is read, in octets.
const MAX_FILE: u64 = 1 << 20;

/// Every profile by its name.
#[derive(Debug, Clone)]
pub struct Library {
    profiles: BTreeMap<String, Arc<Profile>>,
    warnings: Vec<Problem>,
}

/// A profile that may fit an OLT.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The profile.
    pub profile: Arc<Profile>,
    /// A subtree in which GETNEXT must find something before the profile is believed.
    pub probe: Option<Oid>,
    /// Sub-identifiers of the sysObjectID that the rule named, more is surer; whether it knows the sysDescr; whether
    /// it asks for proof.
    specificity: (usize, bool, bool),
}

impl Library {
    /// The built-in profiles, with those of `folder` (every `*.toml` in it) in place of built-in ones of the same name.
    ///
    /// # Errors
    /// [`MibError`] names every mistake in every file.
    pub fn load(folder: Option<&Path>) -> Result<Self, MibError> {
        let mut files: Vec<(String, String)> =
            BUILT_IN.iter().map(|(name, text)| (format!("mibs/{name}{BUILT_IN_MARK}"), (*text).to_owned())).collect();
        if let Some(folder) = folder {
            files.extend(read_folder(folder)?);
        }
        let mut profiles: BTreeMap<String, Arc<Profile>> = BTreeMap::new();
        let mut problems: Vec<Problem> = Vec::new();
        let mut warnings: BTreeMap<String, Vec<Problem>> = BTreeMap::new();
        // The last of a name is the folder's, in place of the built-in one.
        let find = |name: &str| {
            let of_name = |(_, text): &&(String, String)| names_in(text).0.as_deref() == Some(name);
            files.iter().rev().find(of_name).map(|(_, text)| text.as_str())
        };
        for (file, text) in &files {
            match compile(file, text, &find) {
                Ok(Compiled { profile, warnings: found }) => {
                    // Of a profile that is replaced, nothing counts any more.
                    warnings.insert(profile.name().to_owned(), found);
                    profiles.insert(profile.name().to_owned(), Arc::new(profile));
                }
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(MibError::Profiles(problems));
        }
        let mut warnings: Vec<Problem> = warnings.into_values().flatten().collect();
        warnings.extend(overlaps(&profiles));
        Ok(Self { profiles, warnings })
    }

    /// What in the profiles may be a mistake: they can be used all the same.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The profile of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Profile>> {
        self.profiles.get(name)
    }

    /// Every profile, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Profile>> {
        self.profiles.values()
    }

    /// The profiles that are for devices of a maker, or read tables of it, by its number below enterprises.
    #[must_use]
    pub fn of_maker(&self, maker: u32) -> Vec<Arc<Profile>> {
        let is_of = |oid: &Oid| oid.arcs().starts_with(&[1, 3, 6, 1, 4, 1, maker]);
        let fits = |profile: &&Arc<Profile>| {
            profile.detect.iter().flat_map(|rule| &rule.sys_object_id).any(is_of)
                || profile.columns().filter_map(|column| column.oid).any(is_of)
        };
        self.profiles.values().filter(fits).cloned().collect()
    }

    /// The profiles that may fit an OLT, the surest first: those whose rule names the most of its sysObjectID, of
    /// those the ones that also know its sysDescr, and of those the ones that ask for proof. A profile may be there
    /// more than once, with different proofs.
    #[must_use]
    pub fn candidates(&self, sys_object_id: &Oid, sys_descr: &str) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::new();
        for profile in self.profiles.values() {
            for rule in &profile.detect {
                let longest = rule
                    .sys_object_id
                    .iter()
                    .filter(|prefix| sys_object_id.suffix_of(prefix).is_some())
                    .map(|prefix| prefix.arcs().len())
                    .max();
                let Some(length) = longest else { continue };
                if rule.not_sys_object_id.iter().any(|prefix| sys_object_id.suffix_of(prefix).is_some())
                    || rule.sys_descr.as_ref().is_some_and(|pattern| !pattern.is_match(sys_descr))
                {
                    continue;
                }
                found.push(Candidate {
                    profile: Arc::clone(profile),
                    probe: rule.probe.clone(),
                    specificity: (length, rule.sys_descr.is_some(), rule.probe.is_some()),
                });
            }
        }
        found.sort_by_key(|candidate| std::cmp::Reverse(candidate.specificity));
        let mut seen: Vec<(String, Option<Oid>)> = Vec::new();
        found.retain(|candidate| {
            let entry = (candidate.profile.name().to_owned(), candidate.probe.clone());
            let new = !seen.contains(&entry);
            seen.push(entry);
            new
        });
        found
    }
}

/// A warning for each pair of families that claim the same devices, at the one that is the user's own where one is.
fn overlaps(profiles: &BTreeMap<String, Arc<Profile>>) -> Vec<Problem> {
    let mut found = Vec::new();
    for (position, one) in profiles.values().enumerate() {
        for other in profiles.values().skip(position.saturating_add(1)) {
            let pairs = one.detect.iter().flat_map(|rule| other.detect.iter().map(move |second| (rule, second)));
            let claimed = pairs.filter_map(|(rule, second)| Some((rule, second, overlap(rule, second)?))).next();
            let Some((rule, second, oid)) = claimed else { continue };
            let (at, with) = if second.place.file.ends_with(BUILT_IN_MARK) { (rule, other) } else { (second, one) };
            let message = format!(
                "sysObjectIDs below {oid} are claimed by {} too, and neither a sysDescr nor a probe tells them apart: \
                 only what their columns answer decides",
                with.name()
            );
            found.push(Problem { message, ..at.place.clone() });
        }
    }
    found
}

fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, MibError> {
    let fail = |path: &Path, source| MibError::Read { path: path.display().to_string(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| fail(folder, error))? {
        let path = entry.map_err(|error| fail(folder, error))?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let size = std::fs::metadata(&path).map_err(|error| fail(&path, error))?.len();
        if size > MAX_FILE {
            let why = format!("it has {size} octets, at most {MAX_FILE} were expected");
            return Err(fail(&path, std::io::Error::new(std::io::ErrorKind::InvalidData, why)));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| fail(&path, error))?;
        files.push((path.display().to_string(), text));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(sys_object_id: &str, sys_descr: &str) -> Option<String> {
        let library = Library::load(None).unwrap();
        let found = library.candidates(&sys_object_id.parse().unwrap(), sys_descr);
        found.first().map(|candidate| candidate.profile.name().to_owned())
    }

    /// sysObjectID and sysDescr as recorded from real devices.
    #[test]
    fn families_are_recognised_by_what_they_say_of_themselves() {
        for (object, descr, family) in [
            ("1.3.6.1.4.1.2011.2.123", "Huawei Integrated Access Software", Some("huawei-smartax")),
            ("1.3.6.1.4.1.2011.2.999", "Huawei Integrated Access Software", Some("huawei-smartax")),
            ("1.3.6.1.4.1.2011.2.999", "Huawei Versatile Routing Platform", None),
            ("1.3.6.1.4.1.2011.2.185", "Huawei Integrated Access Software", None),
            ("1.3.6.1.4.1.37950.1.1.5.10.14.1", "V1600D", Some("vsol-epon")),
            ("1.3.6.1.4.1.6321.1.2.4.1.1", "Calix, Inc E7-2 XG801 none", Some("calix-axos")),
            ("1.3.6.1.4.1.6321.1.2.2.5.3", "E7-2", Some("calix-exa")),
            ("1.3.6.1.4.1.41112.1.5", "EdgeOS v4.4.2", Some("ubiquiti-ufiber")),
            ("1.3.6.1.4.1.8072.3.2.10", "Linux", None),
        ] {
            assert_eq!(first(object, descr).as_deref(), family, "{object} {descr}");
        }
    }

    #[test]
    fn every_file_in_mibs_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mibs");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".toml"))
            .collect();
        files.sort();
        let built_in: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, built_in);
        let library = Library::load(None).unwrap();
        assert!(files.iter().all(|file| library.get(file.trim_end_matches(".toml")).is_some()), "named as their files");
        assert_eq!(library.iter().count(), files.len());
    }

    #[test]
    fn a_profile_in_the_folder_replaces_the_built_in_one() {
        let folder = tempfile::tempdir().unwrap();
        let text = include_str!("../../mibs/vsol-epon.toml").replace("VSOL V1600D (EPON)", "our VSOL");
        std::fs::write(folder.path().join("mine.toml"), text).unwrap();
        let library = Library::load(Some(folder.path())).unwrap();
        assert_eq!(library.get("vsol-epon").unwrap().title(), "our VSOL");
        std::fs::write(folder.path().join("bad.toml"), "[profile]\nname = 3\n").unwrap();
        let error = Library::load(Some(folder.path())).unwrap_err().to_string();
        assert!(error.contains("bad.toml:2:8"), "{error}");
        let error = Library::load(Some(Path::new("/nonexistent/mibs"))).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/mibs"), "{error}");
    }

    /// Furukawa's profile takes over Dasan's tables; what it takes over can be replaced too.
    #[test]
    fn a_profile_takes_over_another_ones_tables_under_its_own_names() {
        let folder = tempfile::tempdir().unwrap();
        let text = include_str!("../../mibs/furukawa-lightera.toml");
        let column = |library: &Library| {
            let profile = library.get("furukawa-lightera").unwrap();
            profile.columns().next().unwrap().oid.unwrap().to_string()
        };
        let library = Library::load(None).unwrap();
        assert_eq!(column(&library), "1.3.6.1.4.1.10428.9.1.101.23.3.1.1.4");
        let dasan = include_str!("../../mibs/dasan-dzs.toml").replacen("R.3.1.1.4", "R.3.1.1.44", 1);
        std::fs::write(folder.path().join("dasan.toml"), dasan).unwrap();
        assert_eq!(column(&Library::load(Some(folder.path())).unwrap()), "1.3.6.1.4.1.10428.9.1.101.23.3.1.1.44");
        for (from, to, expected) in [
            ("like = \"dasan-dzs\"", "like = \"dasan\"", "there is no profile \"dasan\" with tables of its own"),
            ("like = \"dasan-dzs\"", "like = \"snr-gpon\"", "there is no profile \"snr-gpon\" with tables of its own"),
            ("\nR = ", "\nQ = ", "has no OID name \"Q\", only R"),
        ] {
            assert!(text.contains(from));
            std::fs::write(folder.path().join("mine.toml"), text.replace(from, to)).unwrap();
            let error = Library::load(Some(folder.path())).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("mine.toml:"), "{error}");
        }
    }
}
