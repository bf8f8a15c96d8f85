#!/usr/bin/env python3
"""Every EVE line is valid against Suricata's published schema, and is the same for 1, 2, 4 workers.

usage: schema_test.py SMTAP   (prints TAP)

As ../shared/schema/README.md says: without `smtap` and `smtp_auth`, for the event types that the
schema shares with us. Beyond that: what smtap-eve(5) promises for each line, and that the community
ids are those that its formula gives.
"""
import base64
import hashlib
import ipaddress
import json
import pathlib
import re
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from golden import GOLDEN, SHARED, Replay, Tap, corpus, ports_of, side_by_side  # noqa: E402

try:
    import jsonschema
except ImportError:
    jsonschema = None

OURS = ("smtap", "smtp_auth")
WORKERS = (1, 2, 4)
FLOW = ("flow_id", "src_ip", "src_port", "dest_ip", "dest_port", "proto", "app_proto",
        "community_id")
def community_id(event):
    """The public specification, said once more: version 1, seed 0, TCP."""
    source, dest = (ipaddress.ip_address(event[k]).packed for k in ("src_ip", "dest_ip"))
    sides = sorted([(source, event["src_port"]), (dest, event["dest_port"])])
    data = b"\0\0" + sides[0][0] + sides[1][0] + b"\x06\0"
    data += struct.pack(">HH", sides[0][1], sides[1][1])
    return "1:" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def promises(event):
    """What smtap-eve(5) says of each line, beyond the schema."""
    kind = event["event_type"]
    if kind not in ("smtp_auth", "smtp", "flow", "alert", "smtap_suppressed", "stats"):
        yield f"event type {kind}"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000", event["timestamp"]):
        yield f"timestamp {event['timestamp']}"
    if kind == "stats":
        return
    missing = [k for k in FLOW if k not in event]
    if missing:
        yield f"{kind} without {missing}"
    elif event["community_id"] != community_id(event):
        yield f"community id {event['community_id']}, not {community_id(event)}"
    elif not 0 < event["flow_id"] < 2**53:
        yield f"flow id {event['flow_id']}"


def check(validator, run):
    off = []
    for number, event in enumerate(run.events, 1):
        rest = {k: v for k, v in event.items() if k not in OURS}
        errors = [f"{'.'.join(map(str, e.absolute_path))}: {e.message}"
                  for e in validator.iter_errors(rest)] if validator else []
        off += [f"line {number}: {e}" for e in errors + list(promises(event))]
    kinds = {e["event_type"] for e in run.events}
    if not {"flow", "stats"} <= kinds:
        off.append(f"only {sorted(kinds)}")
    if run.events and [e["event_type"] for e in run.events].index("stats") != len(run.events) - 1:
        off.append("the stats line is not the last")
    return off


def examine(smtap, validator, capture):
    """[(what of the capture, what is off)]"""
    runs = [Replay(smtap, [capture], n, ports_of(capture)) for n in WORKERS]
    failed = [r.stderr.strip() for r in runs if r.status]
    other = [f"{n} workers: another eve.json than with {WORKERS[0]}"
             for n, r in zip(WORKERS, runs) if r.text != runs[0].text]
    return [(f": {len(runs[0].events)} lines", failed or check(validator, runs[0])),
            (": the same bytes with any number of workers", other)]


def main():
    smtap, tap, validator = sys.argv[1], Tap(), None
    schema = SHARED / "schema" / "suricata-eve.schema.json"
    if not schema.exists():
        tap.skip("schema", "no ../shared/schema: only our own promises are checked")
    elif not jsonschema:
        tap.skip("schema", "python3-jsonschema is missing: only our own promises are checked")
    else:
        validator = jsonschema.validators.validator_for(json.loads(schema.read_text()))(
            json.loads(schema.read_text()))
    captures = sorted(GOLDEN.glob("*.pcap")) + corpus()
    for capture, points in zip(captures, side_by_side(
            lambda capture: examine(smtap, validator, capture), captures)):
        for name, off in points:
            tap.point(f"{capture.stem}{name}", off)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
