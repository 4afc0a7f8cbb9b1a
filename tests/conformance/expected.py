#!/usr/bin/env python3
"""Works out from a capture what `oltwatch poll --format json` must say of every ONU and PON in it.

Written from the vendors' facts alone and apart from the product's decoder, so that the two can disagree. Usage:
expected.py FAMILY CAPTURE.snmprec; prints a JSON object with "onus" and "pons", each with the fields that the family
has, others null.
"""

import json
import math
import re
import sys

IF_NAME = "1.3.6.1.2.1.31.1.1.1.1"
IF_OPER = "1.3.6.1.2.1.2.2.1.8"

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


def pon(name_of_pon, on=(), **known):
    """A PON; the OLT counts its ONUs, else we do."""
    entry = {"pon": name_of_pon, "name": None, "state": None, "tx_dbm": None}
    entry["onus"] = sum(1 for other in on if other["pon"] == name_of_pon)
    entry.update(known)
    return entry


def oper(value):
    """ifOperStatus of a port: up, down; others are no word of ours."""
    return {1: "up", 2: "down", 6: "down", 7: "down"}.get(value)


def hundredths(raw):
    return None if raw in (None, 2147483647) else raw / 100


def thousandths(raw):
    return None if raw in (None, 2147483647) else raw / 1000


def down_without_reason(state):
    return "unknown" if state == "down" else None


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
    onus = [
        onu(
            pon=f"0/{port}",
            onu=number,
            name=names.get((port, number)),
            state="unknown",
            temperature_c=first_number(tables[3].get((port, number))),
            voltage_v=first_number(tables[4].get((port, number))),
            bias_ma=first_number(tables[5].get((port, number))),
            tx_dbm=before_dbm(tables[6].get((port, number))),
            rx_dbm=before_dbm(tables[7].get((port, number))),
        )
        for port, number in sorted(keys)
    ]
    transceivers = column(rows, "1.3.6.1.4.1.37950.1.1.5.10.13.1.1.5")
    ports = {}
    for (index,), name in column(rows, IF_NAME).items():
        port = re.fullmatch(r"EPON0/(\d+)", name.strip())
        if port:
            ports[int(port.group(1))] = (name.strip(), oper(column(rows, IF_OPER).get((index,))))
    for (port,) in transceivers:
        ports.setdefault(port, (None, None))
    pons = [
        pon(f"0/{port}", onus, name=name, state=state, tx_dbm=first_number(transceivers.get((port,))))
        for port, (name, state) in sorted(ports.items())
    ]
    return onus, pons


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
    # The table shows no PON.
    return found, []


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
    names = column(rows, "1.3.6.1.4.1.41112.1.5.7.2.1.2")
    pons = []
    for name in names.values():
        port = re.fullmatch(r"pon(\d+)", name.strip())
        if port:
            pons.append(pon(port.group(1), found, name=name.strip()))
    return found, pons


def zte_c300_c320(rows):
    """Three spaces of numbers: 1012 and 1015.1010 count slots, IF-MIB counts positions and is joined by name."""
    distances = column(rows, "1.3.6.1.4.1.3902.1012.3.11.4.1.2")
    onus = []
    for (index, number), distance in sorted(distances.items()):
        assert index >> 28 == 1
        place = f"{(index >> 24 & 15) + 1}/{index >> 16 & 255}/{index >> 8 & 255}"
        # The captured device has no states.
        onus.append(onu(pon=place, onu=number, state="unknown", distance_m=distance or None))
    pons = {}
    for (index,), name in column(rows, IF_NAME).items():
        port = re.fullmatch(r"gpon_(\d+/\d+/\d+)", name.strip())
        if port:
            tx = thousandths(column(rows, "1.3.6.1.4.1.3902.1015.3.1.13.1.4").get((index,)))
            state = oper(column(rows, IF_OPER).get((index,)))
            pons[port.group(1)] = pon(port.group(1), onus, name=name.strip(), state=state, tx_dbm=tx)
    return onus, list(pons.values())


def zte_c600(rows):
    """Tables of the tree 1082 count 0x11, shelf, slot, port; transceivers of uplinks stand among those of PONs."""
    z = "1.3.6.1.4.1.3902.1082.500"
    serials = column(rows, f"{z}.20.2.1.2.1.3")
    levels = column(rows, f"{z}.20.2.2.2.1.10")

    def dbm(raw):
        if raw in (None, 65535, 0, 32767):
            return None
        return (raw - 65536 if raw > 32767 else raw) * 0.002 - 30

    def place(index):
        assert index >> 24 == 0x11
        return f"{index >> 16 & 255}/{index >> 8 & 255}/{index & 255}"

    onus = []
    for index, number in sorted(set(serials) | {key[:2] for key in levels}):
        octets = serials.get((index, number))
        serial = octets[:4] + octets[4:].encode("latin-1").hex().upper() if octets else None
        rx = dbm(levels.get((index, number, 1)))
        onus.append(onu(pon=place(index), onu=number, serial=serial, state="unknown", rx_dbm=rx))
    powers = {place(key[0]): raw for key, raw in column(rows, "1.3.6.1.4.1.3902.1082.30.40.2.4.1.3").items()}
    pons = []
    for (index,), name in column(rows, IF_NAME).items():
        port = re.fullmatch(r"gpon_(?:olt-)?(\d+/\d+/\d+)", name.strip())
        if port:
            state, tx = oper(column(rows, IF_OPER).get((index,))), thousandths(powers.get(port.group(1)))
            pons.append(pon(port.group(1), onus, name=name.strip(), state=state, tx_dbm=tx))
    return onus, pons


def nokia_isam(rows):
    """The captured card has the layout of multi-rate cards: PON at bit 16, ONT at bit 9."""
    onus, pons = [], {}
    states = column(rows, IF_OPER)
    for (index,), kind in sorted(column(rows, "1.3.6.1.2.1.2.2.1.3").items()):
        slot, place = (index >> 25) - 1, (index >> 16 & 31) + 1
        if kind == 270:
            assert index >> 21 & 15 == 14
            state = "up" if states[(index,)] == 1 else "down"
            entry = onu(pon=f"1/1/{slot}/{place}", onu=(index >> 9 & 127) + 1, state=state)
            onus.append(entry | {"cause": down_without_reason(state)})
        elif kind == 250:
            assert index >> 21 & 15 == 13
            pons[f"1/1/{slot}/{place}"] = oper(states.get((index,)))
    return onus, [pon(place, onus, state=state) for place, state in pons.items()]


def bdcom_gpon(rows):
    onus, ports = [], []
    states = column(rows, IF_OPER)
    for (index,), name in sorted(column(rows, "1.3.6.1.2.1.2.2.1.2").items()):
        port = re.fullmatch(r"GPON(0/\d+)(?::(\d+))?", name.strip())
        if port and port.group(2):
            state = "up" if states[(index,)] == 1 else "down"
            entry = onu(pon=port.group(1), onu=int(port.group(2)), state=state)
            onus.append(entry | {"cause": down_without_reason(state)})
        elif port:
            ports.append((port.group(1), name.strip(), oper(states.get((index,)))))
    return onus, [pon(place, onus, name=name, state=state) for place, name, state in ports]


def ports_by_descr(pattern):
    """Families whose captures hold ports only, named by ifDescr."""

    def family(rows):
        pons = []
        for (index,), name in column(rows, "1.3.6.1.2.1.2.2.1.2").items():
            port = re.match(pattern, name.strip())
            if port:
                state = oper(column(rows, IF_OPER).get((index,)))
                pons.append(pon(port.group(1), name=name.strip(), state=state))
        return [], pons

    return family


def huawei_smartax(rows):
    """PON ports of type 125, by the bits of their ifIndex; ifName must agree."""
    table = "1.3.6.1.4.1.2011.6.128.1.1.2"
    names = column(rows, IF_NAME)

    def place_of(index):
        assert index >> 25 == 125
        return f"{index >> 19 & 63}/{index >> 13 & 63}/{index >> 8 & 31}"

    serials, states = column(rows, f"{table}.43.1.3"), column(rows, f"{table}.46.1.15")
    onus = []
    # Levels are asked of ONUs that are known, so a level alone makes none.
    for index, number in sorted(set(serials) | set(states)):
        octets, state = serials.get((index, number)), {1: "up", 2: "down"}.get(states.get((index, number)), "unknown")
        up = state != "down"
        rx = column(rows, f"{table}.51.1.4").get((index, number)) if up else None
        olt_rx = column(rows, f"{table}.51.1.6").get((index, number)) if up else None
        onus.append(
            onu(
                pon=place_of(index),
                onu=number,
                serial=octets[:4] + octets[4:].encode("latin-1").hex().upper() if octets else None,
                state=state,
                cause=down_without_reason(state),
                rx_dbm=hundredths(rx),
                olt_rx_dbm=None if olt_rx in (None, 2147483647) else (olt_rx - 10000) / 100,
            )
        )
    pons = [pon(place, onus) for place in sorted({onu["pon"] for onu in onus})]
    for (index,), tx in sorted(column(rows, f"{table}.23.1.4").items()):
        place = place_of(index)
        assert names[(index,)] == f"GPON {place}"
        count = column(rows, f"{table}.21.1.16")[(index,)]
        state = {1: "up", 2: "down"}.get(column(rows, f"{table}.21.1.10").get((index,)))
        pons.append(pon(place, name=names[(index,)], state=state, tx_dbm=hundredths(tx), onus=count))
    return onus, pons


def calix_exa(rows):
    """ONTs are seen by their Ethernet ports alone: one that is up proves its ONT, one that is down proves nothing."""
    states = column(rows, IF_OPER)
    up, pons = {}, []
    for (index,), name in column(rows, IF_NAME).items():
        port = re.fullmatch(r"Ont (\d+)/g\d+", name.strip())
        # A port without a state is no row of the table that is read.
        if port and (index,) in states:
            number = int(port.group(1))
            up[number] = up.get(number, False) or states[(index,)] == 1
        port = re.fullmatch(r"Gponport (\d+/\d+)", name.strip())
        if port:
            description = column(rows, "1.3.6.1.2.1.2.2.1.2").get((index,))
            pons.append(pon(port.group(1), name=description or None, state=oper(states.get((index,)))))
    return [onu(onu=number, state="up" if up[number] else "unknown") for number in sorted(up)], pons


def cdata_gpon(rows):
    """One ONU of a live device, with a name of its operator, so its place is not known."""
    table, optics = "1.3.6.1.4.1.17409.2.8.4.1.1", "1.3.6.1.4.1.17409.2.8.4.4.1"
    onus = []
    for (device,), octets in sorted(column(rows, f"{table}.3").items()):
        of = {number: column(rows, f"{table}.{number}").get((device,)) for number in (2, 7, 9, 103)}
        light = {number: column(rows, f"{optics}.{number}").get((device, 0, 0)) for number in range(4, 9)}
        onus.append(
            onu(
                serial=octets[:4] + octets[4:].encode("latin-1").hex().upper(),
                name=of[2],
                state={1: "up", 2: "down"}[of[7]],
                last_down_cause={"dying-gasp": "power", "LOS": "optical", "losi": "optical"}.get(of[103]),
                distance_m=of[9],
                rx_dbm=light[4] / 100,
                tx_dbm=light[5] / 100,
                bias_ma=light[6] / 100,
                voltage_v=light[7] / (100000 if light[7] > 10000 else 100),
                temperature_c=light[8] / 100,
            )
        )
    return onus, []


def dasan_dzs(rows):
    levels = column(rows, "1.3.6.1.4.1.6296.101.23.6.6.1.1.20")
    onus = [
        onu(pon=str(olt), onu=number, state="unknown", rx_dbm=float(text))
        for (olt, number, _), text in sorted(levels.items())
    ]
    return onus, [pon(place, onus) for place in sorted({onu["pon"] for onu in onus})]


def fiberhome_an5516(rows):
    """slot << 25 | pon << 19 for a PON; the fragment holds levels at the OLT."""
    onus = []
    for (index, number), raw in sorted(column(rows, "1.3.6.1.4.1.5875.800.3.9.3.7.1.2").items()):
        place = f"{index >> 25}/{index >> 19 & 63}"
        onus.append(onu(pon=place, onu=number, state="unknown", olt_rx_dbm=raw / 100 or None))
    return onus, [pon(place, onus) for place in sorted({onu["pon"] for onu in onus})]


FAMILIES = {
    "vsol-epon": vsol_epon,
    "calix-axos": calix_axos,
    "ubiquiti-ufiber": ubiquiti_ufiber,
    "zte-c300-c320": zte_c300_c320,
    "zte-c600": zte_c600,
    "nokia-isam": nokia_isam,
    "bdcom-gpon": bdcom_gpon,
    "datacom-dmos": ports_by_descr(r"(?:xgs|g)pon-(\d+/\d+/\d+)$"),
    "cdata-epon": ports_by_descr(r"pon(\d+/\d+/\d+)(?:\D|$)"),
    "huawei-smartax": huawei_smartax,
    "calix-exa": calix_exa,
    "cdata-gpon": cdata_gpon,
    "dasan-dzs": dasan_dzs,
    "fiberhome-an5516": fiberhome_an5516,
}

if __name__ == "__main__":
    found_onus, found_pons = FAMILIES[sys.argv[1]](read(sys.argv[2]))
    json.dump({"onus": found_onus, "pons": found_pons}, sys.stdout, indent=1)
