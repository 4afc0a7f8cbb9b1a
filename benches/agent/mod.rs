//! The load agent: many simulated OLTs in one thread, each on an address of its own in 127/8, all with the same rows,
//! encoded once; in v2c, and in v3 with authentication and privacy. `sim olt` is the true one, with all its lies; this one
//! is only fast.
//!
//! ```text
//! sockets ──epoll──► answer (copies octets) ──► line (when) ──┬─ now ──► socket
//! stdin: "counters" ──► stdout: JSON        due replies (heap) ┘
//!        end of file ──► exit
//! ```

mod answer;
mod line;
pub mod table;
mod true_olts;
pub mod v3;
mod wire;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use serde::{Deserialize, Serialize};

use self::line::Line;
pub use self::line::Pace;
use self::table::Table;

/// What to serve, and where.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// OLTs to serve, from 127.1.0.1 on
    #[arg(long, default_value_t = 1)]
    pub olts: u32,
    /// ONUs of each OLT
    #[arg(long, default_value_t = 4096)]
    pub onus: u32,
    /// UDP port; 0 takes one that is free on the first address
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Microseconds that an OLT works on a request
    #[arg(long, default_value_t = 0)]
    pub service_us: u64,
    /// Nanoseconds that it works on each varbind, on top
    #[arg(long, default_value_t = 0)]
    pub per_varbind_ns: u64,
    /// Microseconds of round-trip time
    #[arg(long, default_value_t = 0)]
    pub rtt_us: u64,
    /// Requests that an OLT holds; 0 for no bound
    #[arg(long, default_value_t = 0)]
    pub queue: usize,
    /// Percentage of datagrams that are lost, each way
    #[arg(long, default_value_t = 0.0)]
    pub loss: f64,
    /// Most octets of a reply
    #[arg(long, default_value_t = 1400)]
    pub cap: usize,
    /// Serve the product's own simulated OLTs, not the fast ones
    #[arg(long = "true")]
    pub true_olts: bool,
}

impl Options {
    /// One OLT that answers at once.
    pub const fn quick() -> Self {
        Self {
            olts: 1,
            onus: 4096,
            port: 0,
            service_us: 0,
            per_varbind_ns: 0,
            rtt_us: 0,
            queue: 0,
            loss: 0.0,
            cap: 1400,
            true_olts: false,
        }
    }

    fn pace(&self) -> Pace {
        Pace {
            service: Duration::from_micros(self.service_us),
            per_varbind: Duration::from_nanos(self.per_varbind_ns),
            rtt: Duration::from_micros(self.rtt_us),
            queue: self.queue,
            loss: self.loss / 100.0,
            cap: self.cap,
        }
    }
}

/// What happened since the start, over all OLTs.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Counters {
    pub requests: u64,
    pub answered: u64,
    pub varbinds: u64,
    pub octets: u64,
    /// Requests dropped as the queue was full.
    pub overflowed: u64,
    /// Requests and replies lost on the line.
    pub lost: u64,
    /// Most requests that one OLT had outstanding at once.
    pub most_outstanding: usize,
    /// CPU of this process, in nanoseconds.
    pub cpu_ns: u64,
}

/// The address of an OLT, counted from 0.
pub fn address(olt: u32, port: u16) -> SocketAddr {
    let [_, high, middle, low] = (olt + 1).to_be_bytes();
    (Ipv4Addr::new(127, 1 + high, middle, low), port).into()
}

struct Olt {
    socket: UdpSocket,
    line: Line,
    engine: v3::Engine,
}

/// A reply that is due later. Ordered by its time, then by the order of arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Instant,
    order: u64,
    olt: usize,
    peer: SocketAddr,
    reply: Vec<u8>,
}

struct Agent {
    table: Table,
    pace: Pace,
    olts: Vec<Olt>,
    due: BinaryHeap<Reverse<Due>>,
    spare: Vec<Vec<u8>>,
    order: u64,
    counters: Counters,
    random: fastrand::Rng,
}

/// Serves until the standard input ends. Says `ready <port>` first.
pub fn run(options: &Options) -> io::Result<()> {
    if options.true_olts {
        return true_olts::run(options);
    }
    // The default slack of 50 us would be added to every service time.
    let _ = std::fs::write("/proc/self/timerslack_ns", "1");
    let mut port = options.port;
    let mut olts = Vec::new();
    let password_key = v3::password_key();
    for olt in 0..options.olts {
        let socket = UdpSocket::bind(address(olt, port))?;
        port = socket.local_addr()?.port();
        socket.set_nonblocking(true)?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20)?;
        olts.push(Olt { socket, line: Line::default(), engine: v3::Engine::new(olt, &password_key) });
    }
    let mut agent = Agent {
        table: Table::new(table::rows(options.onus)),
        pace: options.pace(),
        olts,
        due: BinaryHeap::new(),
        spare: Vec::new(),
        order: 0,
        counters: Counters::default(),
        random: fastrand::Rng::with_seed(7),
    };
    let mut out = io::stdout();
    writeln!(out, "ready {port}")?;
    out.flush()?;
    agent.serve()
}

impl Agent {
    fn serve(&mut self) -> io::Result<()> {
        const STDIN: u64 = u64::MAX;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (position, olt) in self.olts.iter().enumerate() {
            let data = epoll::EventData::new_u64(u64::try_from(position).expect("a small number"));
            epoll::add(&epoll, &olt.socket, data, epoll::EventFlags::IN)?;
        }
        let stdin = io::stdin();
        epoll::add(&epoll, &stdin, epoll::EventData::new_u64(STDIN), epoll::EventFlags::IN)?;
        let mut events = Vec::with_capacity(256);
        let mut request = vec![0; 65_536];
        loop {
            self.send_due();
            let timeout =
                self.due.peek().map(|Reverse(due)| timespec(due.at.saturating_duration_since(Instant::now())));
            events.clear();
            match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => continue,
                result => result?,
            };
            for event in &events {
                let data = event.data.u64();
                if data == STDIN {
                    if !self.command()? {
                        return Ok(());
                    }
                } else {
                    self.receive(usize::try_from(data).expect("a small number"), &mut request);
                }
            }
        }
    }

    /// A line of the standard input; false at its end.
    fn command(&mut self) -> io::Result<bool> {
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(false);
        }
        self.counters.cpu_ns = crate::usage::cpu_ns();
        let mut out = io::stdout();
        writeln!(out, "{}", serde_json::to_string(&self.counters)?)?;
        out.flush()?;
        Ok(true)
    }

    fn receive(&mut self, position: usize, request: &mut [u8]) {
        let Some(olt) = self.olts.get_mut(position) else { return };
        while let Ok((length, peer)) = olt.socket.recv_from(request) {
            let now = Instant::now();
            if self.random.f64() < self.pace.loss {
                self.counters.lost += 1;
                continue;
            }
            self.counters.requests += 1;
            let Some(start) = olt.line.accept(now, &self.pace) else {
                self.counters.overflowed += 1;
                continue;
            };
            let mut reply = self.spare.pop().unwrap_or_default();
            let (octets, cap) = (&request[..length], self.pace.cap);
            let answered = answer::answer(&self.table, octets, cap, &mut reply)
                .or_else(|| olt.engine.answer(&self.table, octets, cap, &mut reply));
            let Some(varbinds) = answered else { continue };
            let at = olt.line.finish(start, varbinds, &self.pace);
            let counters = &mut self.counters;
            counters.answered += 1;
            counters.varbinds += u64::try_from(varbinds).expect("a small number");
            counters.octets += u64::try_from(reply.len()).expect("a small number");
            counters.most_outstanding = counters.most_outstanding.max(olt.line.outstanding());
            if self.random.f64() < self.pace.loss {
                counters.lost += 1;
                self.spare.push(reply);
            } else if at <= now {
                let _ = olt.socket.send_to(&reply, peer);
                self.spare.push(reply);
            } else {
                self.order += 1;
                self.due.push(Reverse(Due { at, order: self.order, olt: position, peer, reply }));
            }
        }
    }

    fn send_due(&mut self) {
        while let Some(Reverse(due)) = self.due.peek()
            && due.at <= Instant::now()
        {
            let Some(Reverse(Due { olt, peer, reply, .. })) = self.due.pop() else { return };
            if let Some(olt) = self.olts.get(olt) {
                let _ = olt.socket.send_to(&reply, peer);
            }
            self.spare.push(reply);
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).expect("seconds of a timer"),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
