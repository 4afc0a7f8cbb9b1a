//! `probe --record`: a file of what the OLT answers, with nobody in it.

use std::path::Path;

use super::ProbeArgs;
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::record::{Mask, Recorded, Subject, WalkFile, record_olt};
use crate::snmp::Session;

/// A mask that nobody can undo.
pub(super) fn mask() -> Result<Mask, CliError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        CliError::Failed(format!("the system gives no random numbers to make names up with: {error}"))
    })?;
    Ok(Mask::new(secret))
}

/// The file, before the OLT is asked anything, so that a wrong name costs nothing.
pub(super) fn create(path: Option<&Path>) -> Result<Option<WalkFile>, CliError> {
    path.map(WalkFile::create).transpose().map_err(CliError::from)
}

/// Records the OLT, and says what came of it.
pub(super) async fn record(
    session: &Session,
    subject: Subject<'_>,
    file: WalkFile,
    args: &ProbeArgs,
) -> Result<Recorded, CliError> {
    let progress = Progress::new("recording", 0);
    let tell = |what: &str| {
        progress.say(what.to_owned());
        progress.step();
    };
    Ok(record_olt(session, subject, file, mask()?, args.record_limit, &tell).await?)
}
