#!/usr/bin/env python3
"""Works out from a capture what `oltwatch poll --format json` must say of every ONU in it.

Written from the vendors' facts alone and apart from the product's decoder, so that the two can disagree. Usage:
expected.py FAMILY CAPTURE.snmprec; prints a JSON list of ONUs, each with the fields that the family has, others null.
"""

import json
import math
import re
import sys

FIELDS = [
    "pon", "onu", "serial", "mac", "name", "state", "cause", "last_down_cause", "rx_dbm", "olt_rx_dbm", "tx_dbm",
    "distance_m", "temperature_c", "voltage_v", "bias_ma", "level",
]


def read(path):
    """All rows as {(sub-identifiers): text or number}."""
    rows = {}
    with open(path, encoding="utf-8", errors="surrogateescape") as capture:
        for line in capture:
            line = line.rstrip("\n")
            if not line.strip():
                continue
            oid, kind, value = line.split("|", 2)
            arcs = tuple(int(arc) for arc in oid.lstrip(".").split("."))
            if kind in ("2", "65", "66", "67", "70"):
                value = int(value)
            elif kind == "4x":
                value = bytes.fromhex(value).decode("latin-1")
            rows[arcs] = value
    return rows


def column(rows, oid):
    prefix = tuple(int(arc) for arc in oid.split("."))
    return {arcs[len(prefix):]: value for arcs, value in rows.items() if arcs[: len(prefix)] == prefix}


def level(rx):
    """GPON class B+: window -27 to -8 dBm, 2 dB of margin at both ends."""
    if rx is None:
        return "unread"
    if rx < -27:
        return "critical"
    if rx < -25:
        return "weak"
    if rx <= -10:
        return "good"
    return "weak" if rx <= -8 else "overload"


def onu(**known):
    entry = dict.fromkeys(FIELDS)
    entry.update(known)
    entry["level"] = level(entry["rx_dbm"])
    return entry


def first_number(text):
    return float(re.search(r"-?\d+\.\d+|-?\d+", text).group(0)) if text is not None else None


def before_dbm(text):
    return float(re.search(r"\(\s*(-?[\d.]+)\s*dBm\)", text).group(1)) if text is not None else None


def vsol_epon(rows):
    optics = "1.3.6.1.4.1.37950.1.1.5.12.2.1.8.1"
    names = column(rows, "1.3.6.1.4.1.37950.1.1.5.12.1.25.1.9")
    tables = {number: column(rows, f"{optics}.{number}") for number in (3, 4, 5, 6, 7)}
    keys = set(names).union(*tables.values())
    # The captured device has no state column: the state is unknown, and there is no cause.
    return [
        onu(
            pon=f"0/{pon}",
            onu=number,
            name=names.get((pon, number)),
            state="unknown",
            temperature_c=first_number(tables[3].get((pon, number))),
            voltage_v=first_number(tables[4].get((pon, number))),
            bias_ma=first_number(tables[5].get((pon, number))),
            tx_dbm=before_dbm(tables[6].get((pon, number))),
            rx_dbm=before_dbm(tables[7].get((pon, number))),
        )
        for pon, number in sorted(keys)
    ]


def tenths_of_microwatts(raw):
    return None if not raw else round(10 * math.log10(raw / 10000), 2)


def calix_axos(rows):
    table = "1.3.6.1.4.1.6321.1.2.4.2.6.1.1"
    columns = {number: column(rows, f"{table}.{number}") for number in range(1, 11)}
    found = []
    for key in sorted(columns[1]):
        up = columns[4][key] in (1, 2)
        found.append(
            onu(
                onu=int(columns[2][key]),
                name=columns[2][key],
                state="up" if up else "down",
                cause=None if up else ("admin" if columns[3][key] == 2 else "unknown"),
                rx_dbm=tenths_of_microwatts(columns[6][key]) if up else None,
                tx_dbm=tenths_of_microwatts(columns[7][key]) if up else None,
                olt_rx_dbm=tenths_of_microwatts(columns[8][key]) if up else None,
            )
        )
    return found


def ubiquiti_ufiber(rows):
    table = "1.3.6.1.4.1.41112.1.5.6.2.1"
    columns = {number: column(rows, f"{table}.{number}") for number in range(1, 10)}
    found = []
    for key in sorted(columns[1]):
        up = columns[3][key] == 1
        found.append(
            onu(
                pon=str(columns[5][key]) if columns[5][key] else None,
                serial=columns[1][key].upper(),
                name=columns[2][key],
                state="up" if up else "down",
                cause=None if up else "unknown",
                tx_dbm=columns[8][key] / 100 if up else None,
                rx_dbm=columns[9][key] / 100 if up else None,
            )
        )
    return found


FAMILIES = {"vsol-epon": vsol_epon, "calix-axos": calix_axos, "ubiquiti-ufiber": ubiquiti_ufiber}

if __name__ == "__main__":
    json.dump(FAMILIES[sys.argv[1]](read(sys.argv[2])), sys.stdout, indent=1)
