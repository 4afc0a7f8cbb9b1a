//! A program on this machine, which gets the event that a webhook would get on its standard input.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::payload;
use crate::alert::error::{Sent, Trouble};
use crate::alert::life::Delivery;
use crate::alert::text::Text;
use crate::model::Timestamp;

/// What a program is given of our environment, which may hold secrets.
const PASSED_ON: &[&str] = &["PATH", "HOME", "LANG", "TZ"];
/// What of a program's complaint is repeated, in characters.
const LONGEST_ECHO: usize = 160;
/// What of it is kept, in octets.
const MOST_HEARD: u64 = 4096;
/// How long the rest of it is waited for when the program has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// EX_DATAERR of sysexits.h: it will not have this message, however often it comes.
const REFUSED: i32 = 65;

#[derive(Debug)]
pub(super) struct Program {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
}

impl Program {
    pub(super) fn new(argv: &[String], timeout: Duration) -> Result<Self, String> {
        let (program, arguments) = argv.split_first().ok_or("it names no program")?;
        Ok(Self { program: program.clone(), arguments: arguments.to_vec(), timeout })
    }

    pub(super) fn host(&self) -> String {
        self.program.clone()
    }

    pub(super) async fn send(&self, delivery: &Delivery, text: &Text, now: Timestamp) -> Sent {
        let Some(body) = payload::event(delivery, text, now) else {
            return Err(Trouble::refused("the event cannot be written as JSON".to_owned()));
        };
        let name = &self.program;
        let passed_on = PASSED_ON.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let child = Command::new(name)
            .args(&self.arguments)
            .env_clear()
            .envs(passed_on)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = child.map_err(|error| Trouble::later(format!("{name} cannot be started: {error}")))?;
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let mut said = Vec::new();
        let listen = async {
            let Some(mut stderr) = stderr else { return };
            let _ = (&mut stderr).take(MOST_HEARD).read_to_end(&mut said).await;
            // The rest is read, too, or the program would wait for us.
            let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
        };
        let end = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read it all may be content all the same.
                let _ = stdin.write_all(&body).await;
            }
            child.wait().await
        };
        // Its own end counts: what it left behind may hold its output open.
        let run = async {
            let (mut listen, mut end) = (std::pin::pin!(listen), std::pin::pin!(end));
            tokio::select! {
                ended = &mut end => {
                    let _ = tokio::time::timeout(LAST_WORDS, &mut listen).await;
                    ended
                }
                () = &mut listen => end.await,
            }
        };
        let Ok(ended) = tokio::time::timeout(self.timeout, run).await else {
            return Err(Trouble::later(format!(
                "{name} took longer than {}",
                humantime::format_duration(self.timeout)
            )));
        };
        let status = ended.map_err(|error| Trouble::later(format!("{name} cannot be waited for: {error}")))?;
        if status.success() {
            return Ok(None);
        }
        let said = String::from_utf8_lossy(&said);
        let said: String = said.chars().filter(|c| !c.is_control()).take(LONGEST_ECHO).collect();
        let why = format!("{name} ended with {status}: {}", said.trim());
        Err(if status.code() == Some(REFUSED) { Trouble::refused(why) } else { Trouble::later(why) })
    }

    /// Whether the program is there.
    pub(super) fn reach(&self) -> Result<String, Trouble> {
        let folders: Vec<std::path::PathBuf> = if self.program.contains('/') {
            vec![std::path::PathBuf::new()]
        } else {
            std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect()
        };
        let found = folders.iter().map(|folder| folder.join(&self.program)).find(|path| path.is_file());
        match found {
            Some(path) => Ok(format!("{} is there", path.display())),
            None => Err(Trouble::later(format!("there is no program {}", self.program))),
        }
    }
}
