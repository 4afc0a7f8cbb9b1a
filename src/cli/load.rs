//! The configuration and the profiles, checked against each other.

use std::path::Path;
use std::sync::Arc;

use super::error::CliError;
use super::out;
use crate::alert::Writer;
use crate::config::Config;
use crate::mib::Library;

/// What a command works with.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) config: Config,
    pub(super) library: Arc<Library>,
}

/// Reads the configuration and the profiles, and tells warnings.
///
/// # Errors
/// [`CliError::Config`] or [`CliError::Profiles`] with everything that is wrong.
pub(super) fn load(path: &Path) -> Result<Loaded, CliError> {
    let config = Config::load(path, &|name| std::env::var(name).ok())?;
    for warning in &config.warnings {
        out::note(&format!("warning: {warning}"));
    }
    let library = Library::load(config.mibs.as_deref())?;
    let known: Vec<&str> = library.iter().map(|profile| profile.name()).collect();
    config.check_profiles(&known)?;
    config.check_templates(&|alert| Writer::new(alert).map(|_| ()))?;
    Ok(Loaded { config, library: Arc::new(library) })
}
