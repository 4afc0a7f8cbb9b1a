//! What this process has used.

use rustix::time::{ClockId, clock_gettime};

/// CPU of all threads, user and system, in nanoseconds.
pub fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// The most memory that was resident, in KiB.
pub fn peak_rss_kib() -> u64 {
    of_status("VmHWM:")
}

/// The memory that is resident now, in KiB.
pub fn rss_kib() -> u64 {
    of_status("VmRSS:")
}

fn of_status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
