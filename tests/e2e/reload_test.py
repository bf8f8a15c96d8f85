#!/usr/bin/env python3
"""What changes under a live run: its EVE file is rotated, its settings and patterns are read again.

usage: reload_test.py SMTAP [UNPACKED] [PART-OF-A-NAME]   (prints TAP)

As live_test.py, with tcpreplay for the traffic. Skipped where something is missing.
"""
import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import live_test  # noqa: E402
from lab import Missing, b64  # noqa: E402
from live_test import AF_PACKET, SEEN, devices  # noqa: E402
from pcapgen import Session, Wire  # noqa: E402


PPS = 8000  # what a small machine keeps up with


class Live(live_test.Live):
    """Whose events are in several files."""

    def events(self, *kinds):
        return [e for e in whole(self)[0] if not kinds or e["event_type"] in kinds]


def write_traffic(lab, sessions):
    """Guesses of one source each, at the password of an account of its own."""
    wire = Wire()
    for n in range(sessions):
        s = Session(wire, f"198.51.{n // 250}.{n % 250 + 1}", sport=40000 + n % 20000).open()
        s.talk("S: 220 mx1.corp.example ESMTP Postfix", "C: EHLO client.example")
        s.talk("S: 250-mx1.corp.example\r\n250 AUTH LOGIN PLAIN")
        for k in range(2):
            s.talk(f"C: AUTH PLAIN {b64(f'{chr(0)}user{n}{chr(0)}guess-{k}')}", "S: 535 5.7.8 no")
        s.close()
    wire.write(f"{lab.path}/traffic.pcap")


def start_traffic(lab, loops, pps):
    process = subprocess.Popen(
        lab.inside(
            lab.server,
            *("tcpreplay", "--preload-pcap", "-i", "mirror0", "--pps", str(pps)),
            *("--loop", str(loops), f"{lab.path}/traffic.pcap"),
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lab.stack.callback(lab.stop, process)
    return process


def sent_by(process):
    said = process.communicate(timeout=60)[0]
    sent = re.search(r"Actual: (\d+) packets", said)
    if process.returncode or not sent:
        raise AssertionError(f"tcpreplay: {said[-400:]}")
    return int(sent[1])


def files_of(live):
    """eve.json and those that were put aside, oldest first: (name, lines)."""
    aside = sorted(p for p in live.folder.glob("eve.json*") if p.name != "eve.json")
    return [(p.name, p.read_text()) for p in [*aside, live.folder / "eve.json"] if p.exists()]


def whole(live):
    """Every event of all files, and what is wrong with their lines."""
    events, off = [], []
    for name, text in files_of(live):
        if text and not text.endswith("\n"):
            off.append(f"{name} ends within a line")
        for number, line in enumerate(text.splitlines(), 1):
            try:
                events.append(json.loads(line))
            except ValueError:
                off.append(f"{name}:{number}: {line[:80]}")
    return events, off


def sum_seen(live):
    stats = [e for e in whole(live)[0] if e["event_type"] == "stats"]
    counters = stats[-1]["smtap"]["counters"]
    return sum(counters[k] for k in SEEN), counters


def facts(events):
    """What does not depend on when it was seen: each attempt, transaction and session."""
    seen = collections.Counter()
    for e in events:
        if e["event_type"] in ("smtp_auth", "smtp", "flow"):
            about = e.get("smtp_auth") or e.get("smtp") or e["smtap"].get("helo")
            seen[json.dumps([e["event_type"], e["src_ip"], e["src_port"], about])] += 1
    return seen


def arrived(lab, live, base, sent):
    """Wait until each packet that was sent is seen or counted as lost; how many are lost."""
    lab.until("all packets", lambda: sum_seen(live)[0] - base >= sent)
    seen, counters = sum_seen(live)
    lost = sum(counters[k] for k in SEEN[1:])
    return ([] if seen - base == sent else [f"{sent} sent, {seen - base} known"]), lost


def base_of(live):
    """Until the driver has bound its socket, it hears other interfaces too."""
    return sum_seen(live)[0]


def run_with(lab, smtap, config, loops, pps, meanwhile=lambda live, process: None):
    """A run under traffic: its events, and what is off."""
    live = Live(lab, smtap, AF_PACKET, config=config)
    base = base_of(live)
    process = start_traffic(lab, loops, pps)
    meanwhile(live, process)
    sent = sent_by(process)
    off, lost = arrived(lab, live, base, sent)
    status, said = live.end()
    if status != 0:
        off.append(f"status {status}: {said[-500:]}")
    events, broken = whole(live)
    lines = [e for e in events if e["event_type"] == "stats"][-1]["smtap"]["counters"]
    # The last stats line tells of those before it.
    if len(events) != lines["eve_lines"] + 1 or lines["eve_lost"]:
        off.append(f"{len(events)} lines, counted {lines['eve_lines']} and itself")
    return live, events, off + broken, lost


def rename_folder(lab, live, name):
    os.rename(live.folder, lab.path / name)


def rotated_files_hold_together_what_one_file_would(tap, name, lab, smtap):
    lab.cable()
    lab.users()
    devices(lab)
    write_traffic(lab, 1500)
    one, plain, off, lost_one = run_with(lab, smtap, "", 1, PPS)
    count = len(files_of(one))
    rename_folder(lab, one, "plain")
    tap.point(f"{name}_plain", off + ([f"{count} files"] if count != 1 else []))
    config = "eve:\n  rotate_size: 1\n  rotate_interval: 1s\n"
    many, rotated, off, lost = run_with(lab, smtap, config, 1, PPS)
    found = files_of(many)
    off += [f"{n}: {len(t)} bytes" for n, t in found if len(t.encode()) > 1 << 20]
    if len(found) < 3:
        off.append(f"{len(found)} files")
    if any(not re.fullmatch(r"eve\.json(\.\d{8}T\d{6}Z(\.\d\d)?)?", n) for n, _ in found):
        off.append(f"{[n for n, _ in found]}")
    times = [e["timestamp"] for e in rotated if e["event_type"] == "stats"]
    if times != sorted(times):
        off.append("the names do not sort by age")
    tap.point(name, off)
    print(f"# {len(found)} files, {len(rotated)} lines; lost packets {lost_one}, {lost}")
    if lost_one or lost:
        tap.skip(f"{name}_line_by_line", "packets were lost on the way")
    else:
        tap.point(f"{name}_line_by_line", difference(facts(plain), facts(rotated)))


def difference(one, other):
    return [f"{n} more: {x[:100]}" for x, n in ((one - other) + (other - one)).items()][:5]


def logrotate_moves_the_file_away_and_no_line_is_lost(tap, name, lab, smtap):
    if not os.path.exists("/usr/sbin/logrotate"):
        raise Missing("needs logrotate")
    lab.cable()
    lab.users()
    devices(lab)
    write_traffic(lab, 300)
    conf, state = lab.path / "logrotate.conf", lab.path / "logrotate.state"

    def meanwhile(live, process):
        conf.write_text(
            f"{live.folder}/eve.json {{\n  su root root\n  rotate 100\n  missingok\n  ifempty\n"
            f"  postrotate\n    kill -HUP {live.process.pid}\n  endscript\n}}\n"
        )
        while process.poll() is None:
            before = len(files_of(live))
            live_test.servers.run("/usr/sbin/logrotate", "-f", "-s", str(state), str(conf))
            lab.until("a file more", lambda: len(files_of(live)) > before)

    live, events, off, _ = run_with(lab, smtap, "", 4, PPS, meanwhile)
    found = files_of(live)
    if len(found) < 3:
        off.append(f"{len(found)} files")
    print(f"# {len(found)} files, {len(events)} lines")
    tap.point(name, off)


def a_signal_to_the_whole_group_ends_nobody(tap, name, lab, smtap):
    """SIGHUP as a terminal sends it."""
    lab.cable()
    lab.users()
    devices(lab)
    live = Live(lab, smtap, AF_PACKET)
    os.rename(live.folder / "eve.json", live.folder / "eve.json.1")
    os.killpg(live.process.pid, signal.SIGHUP)
    lab.until("the new file", lambda: live.events("stats"))
    pids = [live.child(n) for n in ("smtap-dataplane", "smtap-control")]
    status, said = live.end()
    bad = status != 0 or None in pids or "starts again" in said
    tap.point(name, [f"status {status}, {pids}: {said[-500:]}"] if bad else [])


CASES = [
    rotated_files_hold_together_what_one_file_would,
    logrotate_moves_the_file_away_and_no_line_is_lost,
    a_signal_to_the_whole_group_ends_nobody,
]


if __name__ == "__main__":
    live_test.CASES = CASES
    sys.exit(live_test.main())
