#!/usr/bin/env python3
"""Measures our engine and its peers on the same simulated OLTs; benches/compare/run builds them and starts this.

CPU is user and system time of the whole process, its start included, as the kernel counts it at its end. Clients take
turns in every repetition, so that whatever else the machine does hits all of them.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HUAWEI = "1.3.6.1.4.1.2011.6.128.1.1.2"
COLUMNS = [
    (f"{HUAWEI}.{end}", name)
    for end, name in [
        ("43.1.3", "hwGponDeviceOntSn"),
        ("46.1.15", "hwGponDeviceOntControlRunStatus"),
        ("46.1.20", "hwGponDeviceOntControlRanging"),
        ("46.1.24", "hwGponDeviceOntControlLastDownCause"),
        ("51.1.1", "hwGponOntOpticalDdmTemperature"),
        ("51.1.3", "hwGponOntOpticalDdmTxPower"),
        ("51.1.4", "hwGponOntOpticalDdmRxPower"),
        ("51.1.6", "hwGponOntOpticalDdmOltRxOntPower"),
    ]
]
REPETITIONS = 50
CLIENT_CORE, AGENT_CORE = "0", "1"


def pinned(core, command):
    return ["taskset", "-c", core, *command] if (os.cpu_count() or 1) > 1 else list(command)


class Agent:
    """The simulated OLTs, in a process of their own."""

    def __init__(self, ours, olts, onus, *more):
        command = [ours, "agent", f"--olts={olts}", f"--onus={onus}", *more]
        self.process = subprocess.Popen(
            pinned(AGENT_CORE, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.port = int(self.process.stdout.readline().split()[1])
        self.addresses = [f"127.1.{(n >> 8) & 255}.{n & 255}" for n in range(1, olts + 1)]

    def counters(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def measure(commands, expected, count=lambda text: int(text.split()[-1])):
    """Runs commands one after the other: wall, CPU and peak memory together, and whether all values came."""
    wall = cpu = rss = values = 0
    for command in commands:
        started = time.perf_counter()
        process = subprocess.Popen(
            pinned(CLIENT_CORE, command), stdout=subprocess.PIPE, text=True, env=dict(os.environ, MIBS="", GOMAXPROCS="1")
        )
        text = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall += time.perf_counter() - started
        if process.returncode != 0:
            sys.exit(f"{command[0]} ended with {process.returncode}")
        cpu += used.ru_utime + used.ru_stime
        rss = max(rss, used.ru_maxrss)
        values += count(text)
    if values != expected:
        sys.exit(f"{commands[0][0]} read {values} values, {expected} were expected")
    return {"wall": wall, "cpu": cpu, "rss": rss / 1024}


def cells_of_ours(text):
    cycles = [json.loads(line) for line in text.splitlines()]
    if any(cycle["incomplete"] for cycle in cycles):
        sys.exit(f"our walk is incomplete: {cycles[0]['why']}")
    return sum(cycle["cells"] for cycle in cycles)


def lines_of_walk(text):
    return sum(1 for line in text.split("\n") if line.startswith(".1.3.") and "No more variables" not in line)


def clients(arguments, agent):
    """Name, commands, and how to count their values."""
    olts = len(agent.addresses)
    columns = ",".join(oid for oid, _ in COLUMNS)
    walker = [str(agent.port), str(REPETITIONS), columns, *agent.addresses]
    ours = [arguments.ours, "poll", f"--olts={olts}", f"--port={agent.port}"]
    bulkwalk = [
        ["snmpbulkwalk", "-v2c", "-cpublic", "-On", f"-Cr{REPETITIONS}", f"{address}:{agent.port}", HUAWEI]
        for address in agent.addresses
    ]
    return [
        ("ours", [ours], cells_of_ours),
        ("ours, tables together", [[*ours, "--together"]], cells_of_ours),
        ("ours, and text", [[*ours, "--render"]], cells_of_ours),
        ("gosnmp", [[f"{arguments.parts}/gosnmp_walker", *walker]], lambda text: int(text)),
        ("libnetsnmp in C", [[f"{arguments.parts}/c_walker", *walker]], lambda text: int(text)),
        ("snmpbulkwalk", bulkwalk, lines_of_walk),
    ]


def ours_running(arguments, agent, expected):
    """A later cycle of a poller that runs: what the daemon pays."""
    command = [arguments.ours, "poll", f"--olts={len(agent.addresses)}", f"--port={agent.port}", "--cycles=3"]
    process = subprocess.run(pinned(CLIENT_CORE, command), capture_output=True, text=True, check=True)
    last = json.loads(process.stdout.splitlines()[-1])
    if last["cells"] != expected:
        sys.exit(f"ours read {last['cells']} values, {expected} were expected")
    return {"wall": last["wall_ns"] / 1e9, "cpu": last["cpu_ns"] / 1e9, "rss": last["peak_rss_kib"] / 1024}


class Exporter:
    """snmp_exporter with a module of the eight columns."""

    def __init__(self, folder):
        path = os.path.join(folder, "snmp.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(module())
        with __import__("socket").socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [
            "prometheus-snmp-exporter",
            f"--config.file={path}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=error",
        ]
        self.process = subprocess.Popen(
            pinned(CLIENT_CORE, command), env=dict(os.environ, GOMAXPROCS="1"), stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("snmp_exporter did not start")

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024

    def scrape(self, agent, expected):
        """Scrapes all OLTs side by side, as Prometheus does with its targets."""

        def one(address):
            query = urllib.parse.urlencode({"target": f"{address}:{agent.port}", "module": "huawei"})
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/snmp?{query}", timeout=300) as answer:
                return answer.read()

        before, started = self.cpu(), time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(len(agent.addresses)) as scrapers:
            texts = list(scrapers.map(one, agent.addresses))
        used = {"wall": time.perf_counter() - started, "cpu": self.cpu() - before, "rss": self.rss()}
        samples = sum(text.count(b"\nhwGpon") for text in texts)
        if samples != expected:
            sys.exit(f"snmp_exporter gave {samples} samples, {expected} were expected")
        return {**used, "octets": sum(len(text) for text in texts)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def module():
    lines = ["huawei:", "  version: 2", "  max_repetitions: 50", "  timeout: 10s", "  auth:", "    community: public", "  walk:"]
    lines += [f"  - {oid}" for oid, _ in COLUMNS]
    lines.append("  metrics:")
    for oid, name in COLUMNS:
        kind = "OctetString" if name.endswith("Sn") else "gauge"
        lines += [
            f"  - name: {name}", f"    oid: {oid}", f"    type: {kind}", f"    help: {name}", "    indexes:",
            "    - labelname: ifIndex", "      type: gauge", "    - labelname: ontId", "      type: gauge",
        ]
    return "\n".join(lines) + "\n"


def median(results, key):
    return statistics.median(result[key] for result in results)


def memory(megabytes):
    """A process that was started here counts this one's memory as its own until it is another program."""
    with open("/proc/self/status", encoding="ascii") as file:
        own = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024
    return f"{megabytes:.1f}" if megabytes > own + 1 else f"< {own + 1:.0f}"


def table(title, results, pdus, values, ours):
    print(f"\n### {title}\n")
    print("| client | wall s | CPU s | µs CPU a value | × ours | peak MB | PDUs | runs |")
    print("|---|---|---|---|---|---|---|---|")
    for name, runs in results.items():
        cpu = median(runs, "cpu")
        print(
            f"| {name} | {median(runs, 'wall'):.3f} | {cpu:.4f} | {cpu / values * 1e6:.3f} | {cpu / ours:.2f} "
            f"| {memory(median(runs, 'rss'))} | {pdus.get(name, '')} | {len(runs)} |"
        )


def compare(arguments, title, olts, repetitions, *more):
    values = olts * arguments.onus * len(COLUMNS)
    results, pdus = {}, {}
    with Agent(arguments.ours, olts, arguments.onus, *more) as agent:
        for _ in range(repetitions):
            for name, commands, count in clients(arguments, agent):
                before = agent.counters()["answered"]
                results.setdefault(name, []).append(measure(commands, values, count))
                pdus[name] = agent.counters()["answered"] - before
            results.setdefault("ours, in a running poller", []).append(ours_running(arguments, agent, values))
    table(title, results, pdus, values, median(results["ours"], "cpu"))


def compare_exporter(arguments, olts, repetitions):
    values = olts * arguments.onus * len(COLUMNS)
    results, pdus, octets = {}, {}, 0
    with Agent(arguments.ours, olts, arguments.onus) as agent, tempfile.TemporaryDirectory() as folder:
        with Exporter(folder) as exporter:
            exporter.scrape(agent, values)
            for _ in range(repetitions):
                _, commands, count = clients(arguments, agent)[2]
                results.setdefault("ours, and text", []).append(measure(commands, values, count))
                before = agent.counters()["answered"]
                scraped = exporter.scrape(agent, values)
                octets = scraped["octets"]
                results.setdefault("snmp_exporter", []).append(scraped)
                pdus["snmp_exporter"] = agent.counters()["answered"] - before
    ours = median(results["ours, and text"], "cpu")
    title = f"snmp_exporter, {olts} {'OLTs scraped side by side' if olts > 1 else 'OLT scraped'} ({octets / 1e6:.2f} MB of text)"
    table(title, results, pdus, values, ours)


def versions():
    packages = [
        "snmp", "libsnmp-dev", "golang-go", "golang-github-gosnmp-gosnmp-dev", "prometheus-snmp-exporter",
    ]
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *packages], capture_output=True, text=True, check=True
    )
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    today = datetime.date.today().isoformat()
    print(f"{today}, commit {commit}, Linux {platform.release()} with {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {rust}; {query.stdout.rstrip(', ')}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True)
    parser.add_argument("--parts", required=True)
    parser.add_argument("--olts", type=int, default=20, help="OLTs of the case of many")
    parser.add_argument("--onus", type=int, default=4096, help="ONUs of each OLT")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--smoke", action="store_true", help="small and once: shows that it works")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.olts, arguments.onus, arguments.repetitions = 2, 256, 1
    versions()
    compare(arguments, "1 OLT, service 0, replies of 1,400 octets", 1, arguments.repetitions)
    compare(arguments, "1 OLT, replies of 8 KiB", 1, arguments.repetitions, "--cap=8192")
    compare(arguments, f"{arguments.olts} OLTs, service 0", arguments.olts, max(1, arguments.repetitions // 2))
    compare_exporter(arguments, 1, arguments.repetitions)
    compare_exporter(arguments, arguments.olts, max(1, arguments.repetitions // 2))


if __name__ == "__main__":
    main()
