//! The processes of a case: this program again, as the agent and as the poller. They end with their standard input.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::agent::{self, Counters};
use crate::daemon::Stretch;
use crate::poll::Cycle;

/// A child that is spoken to in lines.
struct Lines {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Lines {
    /// Starts this program with these arguments, on this core where there are several.
    fn start(core: usize, arguments: &[String]) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut command = if cores > 1 && std::env::var_os("OLTWATCH_BENCH_UNPINNED").is_none() {
            let mut command = Command::new("taskset");
            command.arg("-c").arg((core % cores).to_string()).arg(program);
            command
        } else {
            Command::new(program)
        };
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take();
        let from = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    fn say(&mut self) -> io::Result<()> {
        self.to.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write_all(b"\n")
    }

    fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err(io::Error::other(format!("the child ended: {}", self.child.wait()?)));
        }
        Ok(line)
    }

    fn stop(mut self) -> io::Result<()> {
        self.to.take();
        self.child.wait().map(drop)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // After an error; one that has ended already is no trouble.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The simulated OLTs.
pub struct AgentChild {
    lines: Option<Lines>,
    pub port: u16,
}

impl AgentChild {
    pub fn start(options: &agent::Options) -> io::Result<Self> {
        let mut arguments = vec![
            "agent".to_owned(),
            format!("--olts={}", options.olts),
            format!("--onus={}", options.onus),
            format!("--port={}", options.port),
            format!("--service-us={}", options.service_us),
            format!("--per-varbind-ns={}", options.per_varbind_ns),
            format!("--rtt-us={}", options.rtt_us),
            format!("--queue={}", options.queue),
            format!("--loss={}", options.loss),
            format!("--cap={}", options.cap),
        ];
        if options.true_olts {
            arguments.push("--true".to_owned());
        }
        let mut lines = Lines::start(1, &arguments)?;
        let ready = lines.hear()?;
        let port = ready.trim().strip_prefix("ready ").and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| io::Error::other(format!("the agent said {ready:?}")))?;
        Ok(Self { lines: Some(lines), port })
    }

    pub fn counters(&mut self) -> io::Result<Counters> {
        let lines = self.lines.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        lines.say()?;
        Ok(serde_json::from_str(&lines.hear()?)?)
    }

    pub fn stop(mut self) -> io::Result<()> {
        self.lines.take().map_or(Ok(()), Lines::stop)
    }
}

/// Our engine.
pub struct PollChild(Lines);

impl PollChild {
    pub fn start(arguments: &[String]) -> io::Result<Self> {
        let mut all = vec!["poll".to_owned(), "--step".to_owned()];
        all.extend_from_slice(arguments);
        Lines::start(0, &all).map(Self)
    }

    pub fn cycle(&mut self) -> io::Result<Cycle> {
        self.0.say()?;
        Ok(serde_json::from_str(&self.0.hear()?)?)
    }

    pub fn stop(self) -> io::Result<()> {
        self.0.stop()
    }
}

/// The daemon.
pub struct DaemonChild(Lines);

impl DaemonChild {
    pub fn start(arguments: &[String]) -> io::Result<Self> {
        let mut all = vec!["daemon".to_owned()];
        all.extend_from_slice(arguments);
        Lines::start(0, &all).map(Self)
    }

    /// Waits for its next line.
    pub fn stretch(&mut self) -> io::Result<Stretch> {
        Ok(serde_json::from_str(&self.0.hear()?)?)
    }

    pub fn stop(self) -> io::Result<()> {
        self.0.stop()
    }
}
