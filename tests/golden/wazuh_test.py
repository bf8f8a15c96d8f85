#!/usr/bin/env python3
"""Wazuh's stock rules for Suricata take each alert line as it is.

usage: wazuh_test.py SMTAP   (prints TAP)

Its manager decodes a line of a <localfile> with <log_format>json</log_format> into dotted fields,
each a text, and its rules 86600 and 86601 (0475-suricata_rules.xml) then ask for two of them:

    86600  <decoded_as>json</decoded_as>  timestamp: \\.+  event_type: \\.+
    86601  <if_sid>86600</if_sid>  event_type: ^alert$   "Suricata: Alert - $(alert.signature)"

The manager is not here: this says the same once more, with its limits (OS_MAXSTR of a line, and
analysisd.decoder_order_size of fields), which cut what is over them.
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from golden import GOLDEN, Replay, Tap, ports_of, side_by_side  # noqa: E402

LINE_MAX, FIELDS_MAX = 65536 - 512, 256
RULES = [(86600, {"timestamp": r".+", "event_type": r".+"}), (86601, {"event_type": r"^alert$"})]


def fields(value, name=""):
    """As its JSON decoder has them: a list is one field, of a map each entry is."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from fields(below, f"{name}.{key}" if name else key)
    else:
        yield name, value if isinstance(value, str) else json.dumps(value)


def wrong(line):
    """What the rules would not make of this alert."""
    decoded = dict(fields(json.loads(line)))
    for rule, needs in RULES:
        for field, pattern in needs.items():
            if not re.search(pattern, decoded.get(field, "")):
                yield f"rule {rule} does not match {field}: {decoded.get(field)}"
    if not decoded.get("alert.signature"):
        yield "no alert.signature for its description"
    if len(line.encode()) > LINE_MAX or len(decoded) > FIELDS_MAX:
        yield f"{len(line)} bytes, {len(decoded)} fields"


def examine(smtap, capture):
    run = Replay(smtap, [capture], 1, ports_of(capture))
    lines = run.text.splitlines()
    alerts = [x for x in lines if json.loads(x)["event_type"] == "alert"]
    others = [x for x in lines if json.loads(x)["event_type"] != "alert"]
    off = [o for line in alerts for o in wrong(line)]
    off += [f"rule 86601 takes {x[:80]}" for x in others if not list(wrong(x))]
    return off if run.status == 0 else [run.stderr.strip()], len(alerts)


def main():
    tap, total = Tap(), 0
    captures = sorted(GOLDEN.glob("*.pcap"))
    for capture, (off, alerts) in zip(
        captures, side_by_side(lambda c: examine(sys.argv[1], c), captures)
    ):
        total += alerts
        tap.point(f"{capture.stem}: {alerts} alerts", off)
    tap.point("there were alerts", [] if total > 0 else ["none"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
