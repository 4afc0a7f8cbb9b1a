//! The directory across a restart: each whole read is kept in the background, and what was kept is there at the start.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use super::Task;
use crate::model::Timestamp;
use crate::ozmap::directory::Directory;
use crate::ozmap::ids::ClientId;
use crate::store::{Shelf, Shelved};

/// A part is closed when it has this many octets.
const PART: usize = 1 << 20;

/// What is kept, and what was.
#[derive(Default)]
pub(in crate::ozmap) struct Shelving {
    /// The newest waits while an older one is written.
    newest: Option<watch::Sender<Option<Arc<Directory>>>>,
    pub(super) kept: Option<oneshot::Receiver<Directory>>,
    /// Waits for it in place of the loop.
    pub(super) arrived: Option<Directory>,
}

impl Shelving {
    /// Begins to load what was kept, and to keep what comes. `whose` is the host of OZmap.
    pub(in crate::ozmap) fn begin(shelf: Shelf, whose: String) -> Self {
        let (newest, mut wanted) = watch::channel(None::<Arc<Directory>>);
        let (deliver, kept) = oneshot::channel();
        tokio::spawn(async move {
            let (from, of) = (shelf.clone(), whose.clone());
            // Nobody waits for it any more when the pusher has ended.
            if let Ok(Some(directory)) = tokio::task::spawn_blocking(move || load(&from, &of)).await {
                let _ = deliver.send(directory);
            }
            while wanted.changed().await.is_ok() {
                let Some(directory) = wanted.borrow_and_update().clone() else { continue };
                let (to, of) = (shelf.clone(), whose.clone());
                let kept = tokio::task::spawn_blocking(move || to.keep(&of, directory.read_at(), frame(&directory)));
                match kept.await {
                    Ok(Ok(())) => tracing::debug!("the directory of OZmap is kept for the next start"),
                    Ok(Err(why)) => tracing::warn!(why, "the directory of OZmap could not be kept for the next start"),
                    Err(error) => tracing::error!(%error, "keeping the directory ended in an unexpected way"),
                }
            }
        });
        Self { newest: Some(newest), kept: Some(kept), arrived: None }
    }

    pub(super) fn keep(&self, directory: &Arc<Directory>) {
        if let Some(newest) = &self.newest {
            newest.send_replace(Some(directory.clone()));
        }
    }
}

impl Task {
    /// What was kept may be matched with and shown until the first read; it is no read.
    pub(super) fn take_kept(&mut self) {
        if let Some(directory) = self.shelving.arrived.take()
            && self.directory.is_none()
        {
            tracing::info!(
                clients = directory.len(),
                "the directory of OZmap of before the start is shown until it is read"
            );
            self.directory = Some(Arc::new(directory));
            self.dirty = true;
        }
    }

    /// Whether the whole was read since the start: nothing is written before.
    pub(super) fn has_read(&self) -> bool {
        self.directory.as_ref().is_some_and(|directory| !directory.is_kept())
    }
}

/// Each client as its id, the number of its octets, and them; a checksum at the end of each part.
fn frame(directory: &Directory) -> Vec<Vec<u8>> {
    let (mut parts, mut part) = (Vec::new(), Vec::new());
    for (id, octets) in directory.to_octets() {
        // A client takes a few thousand at most.
        let Ok(length) = u16::try_from(octets.len()) else { continue };
        part.extend(id.octets());
        part.extend(length.to_le_bytes());
        part.extend(octets);
        if part.len() >= PART {
            parts.push(std::mem::take(&mut part));
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    for part in &mut parts {
        let sum = checksum(part);
        part.extend(sum.to_le_bytes());
    }
    parts
}

fn checksum(octets: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(octets);
    sum.sum()
}

fn load(shelf: &Shelf, whose: &str) -> Option<Directory> {
    match shelf.kept(whose) {
        Ok(None) => None,
        Ok(Some(shelved)) => {
            let directory = unframe(&shelved);
            if directory.is_none() {
                tracing::warn!("the directory of OZmap that was kept is damaged or of another version: it is not used");
            }
            directory
        }
        Err(error) => {
            tracing::warn!(%error, "the directory of OZmap that was kept cannot be read");
            None
        }
    }
}

/// All of it, or nothing.
fn unframe(shelved: &Shelved) -> Option<Directory> {
    let mut clients = Vec::new();
    for part in &shelved.parts {
        let (mut rest, sum) = part.split_last_chunk::<4>()?;
        if checksum(rest) != u32::from_le_bytes(*sum) {
            return None;
        }
        while !rest.is_empty() {
            let (id, more) = rest.split_first_chunk::<12>()?;
            let (length, more) = more.split_first_chunk::<2>()?;
            let (octets, more) = more.split_at_checked(u16::from_le_bytes(*length).into())?;
            clients.push((ClientId::from_octets(*id), octets));
            rest = more;
        }
    }
    let count = clients.len();
    // A time that is still to come, after a clock was set back, is not shown as one.
    let read_at = shelved.read_at.min(Timestamp::from(std::time::SystemTime::now()));
    Some(Directory::from_octets(read_at, clients)).filter(|directory| directory.len() == count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ozmap::directory::testing::{directory, row};

    #[test]
    fn what_is_kept_comes_back_whole_or_not_at_all() {
        let code = "c".repeat(400);
        let known = directory((0..4000).map(|n| row(n, &format!("ZTEG{n:08X}"), "", &code)));
        let shelved = Shelved { read_at: known.read_at(), parts: frame(&known) };
        assert!(shelved.parts.len() > 1 && shelved.parts.iter().all(|part| part.len() < PART + 4096));
        let back = unframe(&shelved).unwrap();
        assert!(back.is_kept() && back.clients().eq(known.clients()));
        for (part, place) in [(0, 0), (0, 5000), (1, 40)] {
            let mut parts = shelved.parts.clone();
            parts[part][place] ^= 1;
            assert!(unframe(&Shelved { read_at: known.read_at(), parts }).is_none());
        }
        // Of another version, though its checksum is right.
        let mut other = [&[1; 12][..], &3_u16.to_le_bytes(), &[99, 0, 0]].concat();
        other.extend(checksum(&other).to_le_bytes());
        assert!(unframe(&Shelved { read_at: known.read_at(), parts: vec![other] }).is_none());
        assert!(unframe(&Shelved { read_at: known.read_at(), parts: vec![vec![1, 2]] }).is_none());
    }
}
