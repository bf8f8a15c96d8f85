#!/usr/bin/env python3
"""What changes under a live run: its EVE file is rotated, its settings and patterns are read again.

usage: reload_test.py SMTAP [UNPACKED] [PART-OF-A-NAME]   (prints TAP)

As live_test.py, with tcpreplay for the traffic. Skipped where something is missing.
"""
import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import live_test  # noqa: E402
from feed import SEEN  # noqa: E402
from lab import Missing, b64  # noqa: E402
from live_test import AF_PACKET, devices  # noqa: E402
from mmdb import COUNTRIES, SYSTEMS, database  # noqa: E402
from pcapgen import Session, Wire  # noqa: E402


FOR_EVER = 1000000
PPS = 8000  # what a small machine keeps up with


class Live(live_test.Live):
    """Whose events are in several files, each read once."""

    def __init__(self, *args, **kw):
        self.read = {}  # by inode: how far, and what was there
        super().__init__(*args, **kw)

    def events(self, *kinds):
        found = []
        for path in paths_of(self):
            with contextlib.suppress(OSError), open(path, "rb") as f:
                done, events = self.read.setdefault(os.fstat(f.fileno()).st_ino, ([0], []))
                f.seek(done[0])
                text = f.read()
                text = text[: text.rfind(b"\n") + 1]
                done[0] += len(text)
                events += [json.loads(line) for line in text.splitlines()]
                found += events
        return [e for e in found if not kinds or e["event_type"] in kinds]


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
    if not sent:
        raise AssertionError(f"tcpreplay: {said[-400:]}")
    return int(sent[1])


def paths_of(live):
    aside = sorted(p for p in live.folder.glob("eve.json*") if p.name != "eve.json")
    return [*aside, live.folder / "eve.json"]


def files_of(live):
    """eve.json and those that were put aside, oldest first: (name, lines)."""
    return [(p.name, p.read_text()) for p in paths_of(live) if p.exists()]


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


def facts(events):
    """What does not depend on when it was seen: each attempt, transaction and session."""
    seen = collections.Counter()
    for e in events:
        if e["event_type"] in ("smtp_auth", "smtp", "flow"):
            about = e.get("smtp_auth") or e.get("smtp") or e["smtap"].get("helo")
            seen[json.dumps([e["event_type"], e["src_ip"], e["src_port"], about])] += 1
    return seen


def arrived(lab, live, base, sent):
    """Wait until each packet that was sent is seen or lost, on the cable too; how many are lost."""

    def lost():
        cable = live_test.statistic(lab, "mirror0", "tx_dropped")
        return cable + sum(live.counters()[k] for k in SEEN[1:])

    def known():
        return lost() + live.counters()["rx_packets"] - base

    lab.until("all packets", lambda: known() >= sent)
    return ([] if known() == sent else [f"{sent} sent, {known()} known"]), lost()


def base_of(live):
    """Until the driver has bound its socket, it hears other interfaces too."""
    return sum(live.counters()[k] for k in SEEN)


def run_with(lab, smtap, config, loops, pps, meanwhile=lambda live, process: None, *options):
    """A run under traffic: its events, and what is off."""
    live = Live(lab, smtap, AF_PACKET, *options, config=config)
    base = base_of(live)
    process = start_traffic(lab, loops, pps)
    meanwhile(live, process)
    if loops == FOR_EVER:
        process.send_signal(signal.SIGINT)
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
        # It keeps 100: what is older goes, and would be missed.
        while process.poll() is None and len(files_of(live)) < 80:
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


def reload(lab, live, smtap, config, status=0):
    """Another configuration for the run: what `smtap reload --json` answers, or says."""
    (lab.path / "smtap.yaml").write_text(f"stats:\n  interval: 1s\n{config}")
    r = subprocess.run(
        [smtap, "reload", "--json", "-o", live.folder], capture_output=True, text=True, timeout=60
    )
    if r.returncode != status:
        raise AssertionError(f"reload: status {r.returncode}: {r.stdout} {r.stderr}")
    return json.loads(r.stdout) if status == 0 else r.stderr


def daemons(live):
    return [live.child(n) for n in ("smtap-dataplane", "smtap-control")]


# Nobody reaches these.
DEAF = (
    "bruteforce: {passwords: 60, passwords_hour: 9999, blind: 9999, blind_hour: 9999}\n"
    "spray: {shared: 9999, accounts: 9999, accounts_hour: 9999, accounts_day: 9999}\n"
    "stuffing: {accounts: 9999, accounts_hour: 9999, accounts_day: 9999}\n"
    "slow: {level: 1000, day: 9999}\n"
    "auth_spike: {failures: 65000}\n"
)


def write_guesses(lab, sessions):
    """One source, another account and another password each time."""
    wire = Wire()
    for n in range(sessions):
        s = Session(wire, live_test.ATTACKER, sport=40000 + n % 20000).open()
        s.talk("S: 220 mx1.corp.example ESMTP Postfix", "C: EHLO client.example")
        s.talk("S: 250-mx1.corp.example\r\n250 AUTH LOGIN PLAIN")
        s.talk(f"C: AUTH PLAIN {b64(f'{chr(0)}user{n}{chr(0)}guess-{n}')}", "S: 535 5.7.8 no")
        s.close()
    wire.write(f"{lab.path}/traffic.pcap")


def attacks(live):
    """Alerts that thresholds decide about."""
    return [e for e in live.events("alert") if e["smtap"]["detector"] != "exposure"]


def settings_are_taken_while_packets_flow(tap, name, lab, smtap):
    lab.cable()
    lab.users()
    devices(lab)
    write_guesses(lab, 1500)
    said = {}

    def meanwhile(live, process):
        before = daemons(live)
        lab.until("attempts", lambda: len(live.events("smtp_auth")) > 50)
        told = attacks(live)
        bad = DEAF + "incident:\n  quiet: soon\n"
        said["bad"] = reload(lab, live, smtap, bad, status=2)
        said["quiet"] = (told, attacks(live))
        restart = "dataplane:\n  workers: 2\nmail:\n  ports: [25, 587]\nincident:\n  table: 99\n"
        said["good"] = reload(lab, live, smtap, restart)
        lab.until("the incident", lambda: live.found("stuffing", live_test.ATTACKER))
        said["daemons"] = before == daemons(live) and None not in before

    # Until it is told to stop: however late the settings are taken, attempts follow.
    live, events, off, _ = run_with(lab, smtap, DEAF, FOR_EVER, PPS // 4, meanwhile)
    tap.point(f"{name}_and_sent_is_received_and_lost", off)
    off = []
    if "smtap.yaml:9: incident.quiet: expected a duration" not in said["bad"]:
        off.append(said["bad"])
    if said["quiet"][0] or said["quiet"][1]:
        off.append(f"a bad file was taken, or thresholds are none: {said['quiet']}")
    if said["good"]["restart"] != "dataplane.workers, incident.table, mail.ports":
        off.append(f"restart: {said['good']}")
    if not said["daemons"]:
        off.append("a daemon was started again")
    first = attacks(live)[0]["smtap"]
    # The window goes on: what came before the reload counts.
    if first["detector"] != "stuffing" or first["attempts"] < 50:
        off.append(f"{first['detector']}: {first['attempts']} attempts")
    tap.point(name, off)


ADDED = """
- id: {id}
  context: command
  role: signature
  name: '{name}'
  expression: '^EHLO client\\.example'
  why: 'a test'
  match: 'EHLO client.example'
  no_match: 'EHLO other.example'
  category: 'Misc activity'
  severity: 3
"""


MANY = 6  # changes of patterns


class Patterns:
    """A folder of pattern files and databases, which changes."""

    def __init__(self, lab, smtap, name="patterns"):
        self.folder = lab.path / name
        self.program = pathlib.Path(smtap).parent / "patterns/smtap-patterns"
        shutil.copytree(pathlib.Path(smtap).parent / "patterns", self.folder)
        self.command = self.folder / "command.yaml"
        self.first = self.command.read_text()

    def write(self, **added):
        self.command.write_text(self.first + (ADDED.format(**added) if added else ""))

    def compile(self):
        files = [str(p) for p in sorted(self.folder.glob("*.yaml"))]
        subprocess.run([self.program, "-o", self.folder, *files], check=True)


def titles(live):
    return collections.Counter(
        e["alert"]["signature"].removeprefix("SMTAP signature: ")
        for e in live.events("alert")
        if e["smtap"]["detector"] == "signature"
    )


def check_patterns(tap, name, lab, smtap, *options):
    lab.cable()
    lab.users()
    devices(lab)
    write_traffic(lab, 1000)
    patterns = Patterns(lab, smtap)
    config = f"patterns:\n  directory: {patterns.folder}\n"
    said = {}

    def meanwhile(live, process):
        before = daemons(live)
        lab.until("attempts", lambda: len(live.events("smtp_auth")) > 50)
        said["none"] = titles(live)
        patterns.write(id=10001, name="a client of ours")
        said["not compiled"] = reload(lab, live, smtap, config, status=2)
        patterns.compile()
        said["new"] = reload(lab, live, smtap, config)
        lab.until("a signature", lambda: titles(live))
        said["again"] = reload(lab, live, smtap, config)
        line = patterns.first.count("\n") + 2
        patterns.write(id="none", name="x")
        said["broken"] = (line, reload(lab, live, smtap, config, status=2))
        # As an id, something else: another name, and another expression.
        patterns.write(id=10001, name="b")
        text = patterns.command.read_text().replace("^EHLO client", "^EHLO [c]lient")
        patterns.command.write_text(text)
        patterns.compile()
        said["reused"] = (line, reload(lab, live, smtap, config, status=2))
        for n in range(MANY):
            patterns.write(id=10002 + n, name=f"number {n}")
            patterns.compile()
            said["many"] = reload(lab, live, smtap, config)
            lab.until("its matches", lambda: f"number {n}" in titles(live))
        said["daemons"] = before == daemons(live)

    live, _, off, lost = run_with(lab, smtap, config, FOR_EVER, PPS // 4, meanwhile, *options)
    tap.point(f"{name}_and_sent_is_received_and_lost", off)
    off = []
    if said["none"]:
        off.append(f"signatures before there was one: {said['none']}")
    if "command.hsdb was not compiled from the pattern files" not in said["not compiled"]:
        off.append(said["not compiled"])
    if not said["new"]["swapped"] or said["again"]["swapped"]:
        off.append(f"{said['new']}, {said['again']}")
    for what, word in (("broken", "id"), ("reused", "never used for something else")):
        line, text = said[what]
        if not re.search(f"command.yaml:{line}: .*{word}", text):
            off.append(f"{what}: line {line}: {text}")
    if not said["daemons"] or not said["many"]["swapped"]:
        off.append(f"daemons {said['daemons']}, last {said['many']}")
    if "a client of ours" not in titles(live) or set(titles(live)) - {
        "a client of ours",
        *(f"number {n}" for n in range(MANY)),
    }:
        off.append(f"{titles(live)}")
    tap.point(name, off)
    print(f"# {dict(titles(live))}; lost {lost}")


def patterns_are_swapped_while_packets_flow(tap, name, lab, smtap):
    check_patterns(tap, name, lab, smtap)


def patterns_are_swapped_under_three_workers(tap, name, lab, smtap):
    check_patterns(tap, name, lab, smtap, "--workers", "3")


def put(path, data):
    """In the place of what is there, which stays whole for whoever reads it."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    os.rename(fresh, path)


def patterns_and_databases_of_other_places_are_taken_while_packets_flow(tap, name, lab, smtap):
    lab.cable()
    lab.users()
    devices(lab)
    write_guesses(lab, 1500)
    first, second = Patterns(lab, smtap), Patterns(lab, smtap, "others")
    second.write(id=10001, name="a client of ours")
    country, asn = lab.path / "country.mmdb", lab.path / "asn.mmdb"
    damaged = {f"{live_test.ATTACKER}/32": {"country": {"iso_code": "nowhere"}}}
    put(country, database("GeoLite2-Country", damaged))
    put(asn, database("GeoLite2-ASN", SYSTEMS))
    said, off = {}, []

    def config(patterns, *databases):
        return (
            f"incident:\n  update_interval: 1s\npatterns:\n  directory: {patterns}\n"
            "enrich:\n" + "".join(f"  {line}\n" for line in databases)
        )

    def errors(live):
        return live.counters()["enrich_errors"]

    def places(live):
        """What the last update says of where the attacker is."""
        last = (live.found("stuffing", live_test.ATTACKER) or [{"smtap": {}}])[-1]["smtap"]
        return last.get("source_country"), last.get("source_asn")

    def refused(live, what, text, *words):
        answer = reload(lab, live, smtap, text, status=2)
        off.extend(f"{what}: {answer}" for word in words if str(word) not in answer)

    def meanwhile(live, process):
        before = daemons(live)
        old = f"country_db: {country}"
        lab.until("damage that is counted", lambda: errors(live) > 0)
        refused(live, "folder", config(lab.path / "none", old), lab.path / "none", "No such")
        refused(live, "not compiled", config(second.folder, old), second.folder / "command.hsdb")
        other = config(first.folder, old, f"asn_db: {country}")
        refused(live, "of countries", other, "enrich.asn_db", country)
        (lab.path / "cut.mmdb").write_bytes(country.read_bytes()[:-60])
        bad = f"country_db: {lab.path}/cut.mmdb"
        refused(live, "damaged", config(first.folder, bad), lab.path / "cut.mmdb", "damaged")
        said["quiet"] = titles(live), places(live)
        second.compile()
        said["new"] = reload(lab, live, smtap, config(second.folder, old, f"asn_db: {asn}"))
        lab.until("a signature", lambda: titles(live))
        lab.until("whose network it is", lambda: places(live) == (None, 64500))
        said["errors"] = errors(live)
        put(country, database("GeoLite2-Country", COUNTRIES))
        said["same name"] = reload(lab, live, smtap, config(second.folder, old, f"asn_db: {asn}"))
        lab.until("where it is", lambda: places(live) == ("NL", 64500))
        said["later"] = errors(live)
        said["none"] = reload(lab, live, smtap, config(second.folder))
        lab.until("nothing of it", lambda: places(live) == (None, None))
        said["last"] = errors(live)
        if before != daemons(live) or None in before:
            off.append("a daemon was started again")

    text = config(first.folder, f"country_db: {country}")
    _, _, lost_off, _ = run_with(lab, smtap, text, FOR_EVER, PPS // 4, meanwhile)
    tap.point(f"{name}_and_sent_is_received_and_lost", lost_off)
    if said["quiet"] != ({}, (None, None)):
        off.append(f"taken of what was refused: {said['quiet']}")
    taken = [said[k]["databases"] for k in ("new", "same name", "none")]
    if taken != [2, 2, 0] or not said["new"]["swapped"] or said["same name"]["swapped"]:
        off.append(f"{said}")
    if not said["errors"] <= said["later"] <= said["last"]:
        off.append(f"errors went from {said['errors']} to {said['later']} to {said['last']}")
    tap.point(name, off)


def incidents(live, smtap, *args):
    r = subprocess.run(
        [smtap, "incidents", *args, "-o", live.folder], capture_output=True, text=True, timeout=60
    )
    if r.returncode:
        raise AssertionError(f"incidents {args}: {r.returncode}: {r.stderr}")
    return r.stdout


def told(live):
    return len(live.found("stuffing", live_test.ATTACKER))


def what_an_operator_suppresses_is_hidden_at_once_and_after_a_restart(tap, name, lab, smtap):
    lab.cable()
    lab.users()
    devices(lab)
    write_guesses(lab, 1500)
    said = {}

    def restarted(live):
        """Control, after it was killed."""
        first = live.child("smtap-control")
        os.kill(first, signal.SIGKILL)
        lab.until("another control", lambda: live.child("smtap-control") not in (None, first))
        lab.until(
            "its status",
            lambda: not subprocess.run(
                [smtap, "top", "--json", "-o", live.folder], capture_output=True
            ).returncode,
        )

    def passed(live):
        """Traffic of some seconds."""
        n = len(live.events("smtp_auth"))
        lab.until("more attempts", lambda: len(live.events("smtp_auth")) > n + 2000)

    def meanwhile(live, process):
        lab.until("the incident", lambda: told(live))
        source = ["--source", live_test.ATTACKER]
        said["id"] = incidents(live, smtap, "suppress", *source, "--reason", "a test of ours")
        n = told(live)
        passed(live)
        said["hidden"] = told(live) - n
        said["listed"] = json.loads(incidents(live, smtap, "suppressed", "--json"))
        restarted(live)
        n = told(live)
        passed(live)
        said["after"] = told(live) - n
        incidents(live, smtap, "unsuppress", "1")
        lab.until("an alert", lambda: told(live) > n + said["after"])
        said["none"] = incidents(live, smtap, "suppressed")
        said["all"] = incidents(live, smtap, "suppressed", "--all")

    config = "incident:\n  update_interval: 1s\n"
    live = Live(lab, smtap, AF_PACKET, config=config)
    process = start_traffic(lab, FOR_EVER, PPS // 4)
    meanwhile(live, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    status, out = live.end()
    off = [f"status {status}: {out[-500:]}"] if status else []
    if said["id"] != "suppression 1\n":
        off.append(said["id"])
    # One may have been on its way.
    if said["hidden"] > 1 or said["after"] > 1:
        off.append(f"told {said['hidden']} times, after a restart {said['after']} times")
    one = said["listed"]
    if one["by"] != "root" or one["rule"]["source"] != live_test.ATTACKER:
        off.append(f"{one}")
    if said["none"] or "taken back" not in said["all"] or "a test of ours" not in said["all"]:
        off.append(f"{said['none']} {said['all']}")
    tap.point(name, off)


CASES = [
    what_an_operator_suppresses_is_hidden_at_once_and_after_a_restart,
    settings_are_taken_while_packets_flow,
    patterns_are_swapped_while_packets_flow,
    patterns_are_swapped_under_three_workers,
    patterns_and_databases_of_other_places_are_taken_while_packets_flow,
    rotated_files_hold_together_what_one_file_would,
    logrotate_moves_the_file_away_and_no_line_is_lost,
    a_signal_to_the_whole_group_ends_nobody,
]


if __name__ == "__main__":
    live_test.CASES = CASES
    sys.exit(live_test.main())
