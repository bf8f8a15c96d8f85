#!/usr/bin/env python3
"""smtap run whose daemons are killed by SIGKILL, again and again, under an attack.

usage: crash_test.py SMTAP [KILLS [SEED]]   (prints TAP)

An attack is played twice into a veth that smtap watches: once in peace, once with a kill of control
or of the dataplane after each so many frames, drawn from SEED. Then:

- each incident of the first run was told in the second, and none of them under two ids;
- no AUTH attempt is missing but of sessions that lost frames with a dataplane: those that it
  followed when it died (counted in dataplane_sessions_lost), and those whose frames came when there
  was none, or that it had not read yet (known to the sender alone);
- nothing is left behind.

Then control alone is killed, with no snapshots: what was told goes on under its ids. Once more
while somebody holds its store, and when its configuration has changed since its snapshot.

How far smtap is comes from the counters in its shared memory, so the sender neither waits nor
guesses.
"""
import collections
import contextlib
import ctypes
import json
import mmap
import os
import pathlib
import random
import re
import select
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from golden import Tap  # noqa: E402
from harness import b64  # noqa: E402
import lab as servers  # noqa: E402
from pcapgen import Session, Wire  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE_S = 240  # for all; each wait is for a condition
AHEAD = 200  # frames that the port's buffer takes in any case
BURST = 64  # frames that a worker may have counted and not handled
ATTEMPTS = 4  # of a session
AT_ONCE = 6  # sessions
LOST = ("port_missed", "port_nombuf", "dispatch_full", "tcp_gaps", "events_lost_auth")
GOES_ON = "smtap-control: goes on "
ANOTHER = "another dataplane is there"
CONFIG = """
stats:
  interval: 1s
store:
  snapshot: {}
dataplane:
  idle_sleep: 1ms
  shed: false
"""


def counter_names():
    text = (ROOT / "contract/counters.h").read_text()
    return re.findall(r'X\(\w+,\s*"(\w+)"', text[text.index("#define COUNTERS(X)") :])


NAMES = counter_names()


def who(number):
    """Source, account and password of each attempt of a session, and whether it works."""
    kind, turn = number % 8, number // 8
    if kind < 4:  # one source, one account
        return f"198.51.100.{10 + kind}", [f"dave{kind}"] * ATTEMPTS, f"guess-{turn}", False
    if kind == 4:  # one source, many accounts
        names = [f"user{(turn * ATTEMPTS + i) % 60}" for i in range(ATTEMPTS)]
        return "198.51.100.20", names, "Winter2026", False
    if kind == 5:  # many sources, one account
        return f"192.0.2.{1 + turn % 200}", ["boss"] * ATTEMPTS, f"try-{turn}", False
    if kind == 6:  # who gets in at the end
        return "198.51.100.30", ["eve"] * ATTEMPTS, f"word-{turn}", turn % 7 == 6
    return f"10.1.1.{1 + turn % 40}", [f"staff{turn % 40}"] * ATTEMPTS, "right", True


def session_frames(number):
    source, names, password, works = who(number)
    wire = Wire()
    s = Session(wire, source, sport=20000 + number).open()
    say = ["S: 220 mx1.corp.example ESMTP", "C: EHLO client.example"]
    say.append("S: 250-mx1.corp.example\r\n250 AUTH PLAIN")
    for i, name in enumerate(names):
        last = works and i == ATTEMPTS - 1
        one = last or number % 8 == 4  # who sprays has one password for all
        secret = password if one else f"{password}-{i}"
        say.append(f"C: AUTH PLAIN {b64(chr(0) + name + chr(0) + secret)}")
        ok = last or (works and password == "right")
        say.append("S: 235 2.7.0 ok" if ok else "S: 535 5.7.8 authentication failed")
    s.talk(*say, "C: QUIT", "S: 221 2.0.0 bye")
    s.close()
    return [frame for _, frame in wire.frames]


class Load:
    """The attack's frames, some sessions at a time, in an order that the seed decides."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.number = 0
        self.open = []

    def next(self):
        """(session, frame, is it its last)"""
        while len(self.open) < AT_ONCE:
            self.open.append((self.number, session_frames(self.number)))
            self.number += 1
        at = self.dice.randrange(len(self.open))
        number, frames = self.open[at]
        frame = frames.pop(0)
        if not frames:
            self.open.pop(at)
        return number, frame, not frames


class Ring:
    """The counters of a dataplane, which outlive it."""

    def __init__(self, pid):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{fd}"
            with contextlib.suppress(OSError):
                if "memfd:smtap-ring" in os.readlink(path):
                    with open(path, "rb") as file:
                        self.map = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ)
                    return
        raise AssertionError("the dataplane has no ring")

    def read(self, name):
        return struct.unpack_from("<Q", self.map, 192 + 8 * NAMES.index(name))[0]

    def open_sessions(self):
        ended = ("sessions_closed", "sessions_idle", "sessions_evicted")
        return self.read("sessions") - sum(self.read(n) for n in ended)


class Run:
    """smtap run on one end of a veth, and the sender on the other."""

    def __init__(self, smtap, path, stack, snapshot="1s"):
        self.path = pathlib.Path(path)
        self.end_s = time.monotonic() + DEADLINE_S
        self.stack = stack
        self.ns = f"smtap-crash-{os.getpid()}"
        self.devices()
        (self.path / "smtap.yaml").write_text(CONFIG.format(snapshot))
        self.watch = servers.Watch(stack)
        self.watch.add(self.path)
        self.said_path = self.path / "said"
        out = stack.enter_context(open(self.said_path, "w", encoding="utf-8"))
        command = [smtap, "run", "-c", f"{path}/smtap.yaml", "-i", "crash1", "-o", f"{path}/out"]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.ns, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        stack.callback(self.stop)
        self.sent = collections.defaultdict(list)  # by session: (life, how manieth frame in it)
        self.lives = []  # of dataplanes: (ring, frames sent)
        self.count = 0  # frames sent in this life
        self.last_of = {}
        self.born()

    def devices(self):
        servers.run("ip", "netns", "add", self.ns)
        self.stack.callback(subprocess.run, ["ip", "netns", "del", self.ns], check=False)
        inside = ["ip", "netns", "exec", self.ns]
        servers.run(*inside, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        link = ["ip", "-n", self.ns, "link"]
        servers.run(*link, "add", "crash0", "type", "veth", "peer", "name", "crash1")
        for name in ("crash0", "crash1"):
            servers.run(*link, "set", name, "up")
        with open("/proc/self/ns/net", "rb") as ours:
            servers.enter(self.ns)
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind(("crash0", 0))
            ctypes.CDLL(None).setns(ours.fileno(), 0)
        self.stack.callback(self.socket.close)

    def said(self):
        return self.said_path.read_text(errors="replace")

    def until(self, what, condition):
        while not condition():
            if time.monotonic() > self.end_s or self.process.poll() is not None:
                raise AssertionError(f"no {what}: {self.said()[-1500:]}")
            self.watch.wait(0.02)

    def child(self, name):
        """The pid of a daemon, once it runs."""
        found = []

        def look():
            with contextlib.suppress(OSError, ValueError):
                path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
                for pid in pathlib.Path(path).read_text().split():
                    exe = os.readlink(f"/proc/{pid}/exe")
                    if exe.endswith(name):
                        found[:] = [int(pid)]
            return found

        self.until(name, look)
        return found[0]

    def born(self):
        """Another dataplane: it reads from its first look on."""
        pid = self.child("smtap-dataplane")
        ring = []

        def ready():
            # ValueError: it has no size yet.
            with contextlib.suppress(AssertionError, OSError, ValueError):
                ring[:] = [Ring(pid)]
            return ring and self.said().count(" is up: ") == len(self.lives) + 1

        self.until("dataplane", ready)
        # What comes before its workers run waits in its buffers.
        self.ring, self.count = ring[0], 0

    def send(self, load):
        number, frame, last = load.next()
        self.count += 1
        self.sent[number].append((len(self.lives), self.count))
        self.last_of[number] = last
        if self.count - self.ring.read("rx_packets") > AHEAD:
            self.until(
                "progress",
                lambda: self.count - self.ring.read("rx_packets") <= AHEAD // 2,
            )
        self.socket.send(frame)

    def kill_control(self):
        times = self.said().count(GOES_ON)
        os.kill(self.child("smtap-control"), signal.SIGKILL)
        return lambda: self.said().count(GOES_ON) > times

    def kill_dataplane(self, load, blind):
        """And send frames that nobody sees, while nobody can start another."""
        self.process.send_signal(signal.SIGSTOP)
        pid = self.child("smtap-dataplane")
        times = self.said().count(ANOTHER)
        os.kill(pid, signal.SIGKILL)
        self.until(
            "end",
            lambda: not pathlib.Path(f"/proc/{pid}/task/{pid}/children").exists()
            or "Z (zombie)" in pathlib.Path(f"/proc/{pid}/status").read_text(),
        )
        self.lives.append((self.ring, self.count))
        for _ in range(blind):
            number, frame, last = load.next()
            self.sent[number].append((-1, 0))
            self.last_of[number] = last
            self.socket.send(frame)
        self.process.send_signal(signal.SIGCONT)
        self.born()
        self.until("next dataplane", lambda: self.said().count(ANOTHER) > times)
        # What was lost is known to control alone, until that is written down.
        since_ns = time.monotonic_ns()
        return lambda: self.snapshot_ns() > since_ns

    def snapshot_ns(self):
        """When the last snapshot was begun (control/snapshot.c, struct file_header)."""
        with contextlib.suppress(OSError, struct.error):
            return struct.unpack("<5Q", (self.path / "out/smtap.snapshot").read_bytes()[:40])[4]
        return 0

    def finish(self):
        """Until all is read; its status."""
        self.until("end", lambda: self.count == self.ring.read("rx_packets"))
        self.lives.append((self.ring, self.count))
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)

    def tells(self, kind):
        with contextlib.suppress(OSError):
            return f'"event_type":"{kind}"' in (self.path / "out/eve.json").read_text()
        return False

    def events(self, kind):
        lines = (self.path / "out/eve.json").read_text().split("\n")[:-1]
        return [e for e in map(json.loads, lines) if e["event_type"] == kind]

    def received(self, number):
        """Were all frames of the session handled by one dataplane?"""
        frames = self.sent[number]
        life = frames[0][0]
        if life < 0 or any(f[0] != life for f in frames):
            return False
        ring, _ = self.lives[life]
        last = life == len(self.lives) - 1
        return frames[-1][1] <= ring.read("rx_packets") - (0 if last else BURST)


def left_over():
    """What a run could leave where everybody's things are; other programs run beside this one."""
    left = set()
    for place in ("/dev/shm", "/run", "/run/dpdk", "/run/netns"):
        with contextlib.suppress(OSError):
            names = [n for n in os.listdir(place) if re.search("smtap|rte|dpdk|memif", n)]
            ours = f"smtap-crash-{os.getpid()}"
            left |= {f"{place}/{n}" for n in names if place != "/run/netns" or n == ours}
    return left


def alerts(run):
    return [e for e in run.events("alert") if e["smtap"].get("incident_id")]


def subjects(run):
    return {(e["smtap"]["detector"], e["smtap"]["subject"]) for e in alerts(run)}


def play_in_peace(run, frames, seed):
    load = Load(seed)
    for _ in range(frames):
        run.send(load)


def play_with_kills(run, kills, seed):
    """How many of each were killed, and frames sent."""
    load, dice = Load(seed), random.Random(seed)
    killed = collections.Counter()
    for _ in range(AHEAD):
        run.send(load)
    run.until("first attempt", lambda: run.tells("smtp_auth"))
    run.until("first snapshot", lambda: run.snapshot_ns() > 0)
    for _ in range(kills):
        for _ in range(dice.randrange(1, 400)):
            run.send(load)
        which = dice.choice(("control", "dataplane"))
        killed[which] += 1
        if which == "control":
            back = run.kill_control()
        else:
            back = run.kill_dataplane(load, dice.choice((0, 0, 5, 40)))
        for _ in range(dice.randrange(0, 200)):
            run.send(load)
        # Both at once take with them what none of them handed on: that is another test.
        run.until(f"{which} again", back)
    for _ in range(300):
        run.send(load)
    return killed


def check_auth(run):
    """What is missing, and more than there was."""
    seen = collections.defaultdict(set)
    twice = 0
    for e in run.events("smtp_auth"):
        key = (e["timestamp"], e["flow_id"], json.dumps(e["smtp_auth"], sort_keys=True))
        number = e["src_port"] - 20000
        twice += key in seen[number]
        seen[number].add(key)
    off, missing, followed = [], 0, 0
    for number, frames in run.sent.items():
        got = len(seen[number])
        complete = run.last_of[number] and run.received(number)
        if (complete and got != ATTEMPTS) or got > ATTEMPTS:
            off.append(f"session {number}: {got} of {ATTEMPTS} attempts; {frames[:1]}")
        if run.last_of[number] and got < ATTEMPTS:
            missing += ATTEMPTS - got
            life, at = frames[0]
            followed += life >= 0 and at <= run.lives[life][0].read("rx_packets") - BURST
    return off, missing, followed, twice


def opened_twice(run):
    """What was told under two ids."""
    ids = collections.defaultdict(set)
    for e in alerts(run):
        ids[(e["smtap"]["detector"], e["smtap"]["subject"])].add(e["smtap"]["finding_id"])
    off = [f"{k}: {sorted(v)}" for k, v in ids.items() if len(v) > 1]
    if off:
        off += [line[:110] for line in run.said().split("\n") if "goes on" in line][:9]
    return off


def ids_of_two(run):
    """Ids of findings that were given to more than one."""
    about = collections.defaultdict(set)
    for e in alerts(run):
        about[e["smtap"]["finding_id"]].add((e["smtap"]["detector"], e["smtap"]["subject"]))
    return [f"{k}: {sorted(v)}" for k, v in about.items() if len(v) > 1]


def not_stored(run):
    """What is told, and nobody who exports alerts can have."""
    with contextlib.closing(sqlite3.connect(f"{run.path}/out/smtap.db")) as store:
        rows = store.execute("SELECT finding FROM alert").fetchall()
    return sorted({e["smtap"]["finding_id"] for e in alerts(run)} - {row[0] for row in rows})


def tell_findings(run, load, least):
    """Send until so many are told; their events are few enough for control's ring."""
    while not run.tells("alert") or len(subjects(run)) < least:
        for _ in range(50):
            run.send(load)


def check_without_snapshots(tap, name, smtap, kills, seed):
    """The store alone: what was told goes on under its ids, and no attempt is missing."""
    with tempfile.TemporaryDirectory(prefix="crash-") as path, contextlib.ExitStack() as stack:
        os.chmod(path, 0o755)
        run = Run(smtap, path, stack, "0s")
        load = Load(seed)
        tell_findings(run, load, 5)
        for _ in range(kills):
            back = run.kill_control()
            for _ in range(300):
                run.send(load)
            run.until("control again", back)
            # The next dies as soon as something is told: nobody waits for the store.
            told = len(alerts(run))
            while len(alerts(run)) == told:
                run.send(load)
        status = run.finish()
        off, missing, _, _ = check_auth(run)
        off += [f"status {status}"] if status else []
        off += [f"{missing} attempts are missing"] if missing else []
        tap.point(f"{name}_ends_well_and_misses_nothing", off)
        tap.point(f"{name}_no_finding_is_opened_twice", opened_twice(run))
        tap.point(f"{name}_what_is_told_is_stored", not_stored(run))
        more = re.findall(r"(\d+) more findings? that (?:was|were) open", run.said())
        adopted = [int(n) for n in more]
        tap.point(f"{name}_findings_were_adopted", [] if max(adopted) > 2 else [f"{adopted}"])


def check_without_a_store(tap, name, smtap, seed):
    """No snapshot, and a store that somebody holds while things are told: ids at least are kept."""
    with tempfile.TemporaryDirectory(prefix="crash-") as path, contextlib.ExitStack() as stack:
        os.chmod(path, 0o755)
        run = Run(smtap, path, stack, "0s")
        load = Load(seed)
        run.until("store", lambda: run.tells("stats"))
        with contextlib.closing(sqlite3.connect(f"{path}/out/smtap.db")) as store:
            store.execute("BEGIN IMMEDIATE")
            tell_findings(run, load, 3)
            back = run.kill_control()
            store.rollback()
        run.until("control again", back)
        # Other sources are found first now.
        load.dice.seed(seed + 1)
        load.number += 5
        tell_findings(run, load, 8)
        status = run.finish()
        tap.point(f"{name}_ends_well", [f"status {status}"] if status else [])
        tap.point(f"{name}_gives_no_id_to_something_else", ids_of_two(run))


def check_with_other_settings(tap, name, smtap, seed):
    """What came after the snapshot would say something else now, under ids that were told."""
    with tempfile.TemporaryDirectory(prefix="crash-") as path, contextlib.ExitStack() as stack:
        os.chmod(path, 0o755)
        run = Run(smtap, path, stack, "60s")
        load = Load(seed)
        run.until("first snapshot", run.snapshot_ns)
        tell_findings(run, load, 5)
        with open(f"{path}/smtap.yaml", "a", encoding="utf-8") as file:
            file.write("bruteforce: {passwords: 60, passwords_hour: 10000, per_account: 1000}\n")
        run.until("control again", run.kill_control())
        for _ in range(1200):
            run.send(load)
        status = run.finish()
        again = re.search(r"with a snapshot of .* s ago, (\d+) events? since", run.said())
        off = [f"status {status}"] if status else []
        off += [] if again and again[1] == "0" else [f"told again: {again and again[1]}"]
        lost = run.events("stats")[-1]["smtap"]["counters"]["intake_forgotten"]
        off += [] if lost else ["what was not told again is not counted"]
        tap.point(f"{name}_tells_nothing_again", off)
        tap.point(f"{name}_gives_no_id_to_something_else", ids_of_two(run))
        tap.point(f"{name}_opens_no_finding_twice", opened_twice(run))


def check(tap, name, smtap, kills, seed):
    before = left_over()
    with tempfile.TemporaryDirectory(prefix="crash-") as path, contextlib.ExitStack() as stack:
        os.chmod(path, 0o755)
        began = time.monotonic()
        run = Run(smtap, path, stack)
        killed = play_with_kills(run, kills, seed)
        status = run.finish()
        tap.point(f"{name}_ends_well", [] if status == 0 else [f"{status}: {run.said()[-900:]}"])
        off, missing, followed, twice = check_auth(run)
        tap.point(f"{name}_no_attempt_is_missing_but_with_a_dataplane", off[:5])
        c = run.events("stats")[-1]["smtap"]["counters"]
        lost = sum(ring.open_sessions() for ring, _ in run.lives[:-1])
        off = []
        if c["dataplane_deaths"] != killed["dataplane"]:
            off.append(f"{c['dataplane_deaths']} deaths told of {killed['dataplane']}")
        if not followed <= c["dataplane_sessions_lost"] == lost:
            off.append(
                f"{c['dataplane_sessions_lost']} sessions lost are told; {lost} were followed, "
                f"and {followed} of these lack attempts"
            )
        rx = sum(ring.read("rx_packets") for ring, _ in run.lives)
        if c["rx_packets"] != rx:
            off.append(f"{c['rx_packets']} packets are told, {rx} were read")
        off += [f"{k}: {c[k]}" for k in LOST if c[k] and k != "tcp_gaps"]
        tap.point(f"{name}_what_was_lost_is_counted", off)
        tap.point(f"{name}_no_finding_is_opened_twice", opened_twice(run))
        with_kills, total = subjects(run), sum(map(len, run.sent.values()))
        left = [n for n in os.listdir(run.path / "out") if "snapshot" in n or n == "control.sock"]
        tap.point(f"{name}_leaves_nothing_in_its_folder", left)
        took = time.monotonic() - began
        print(
            f"# seed {seed}: {dict(killed)} killed, {total} frames, {len(run.sent)} sessions in "
            f"{took:.0f} s; {missing} attempts missing, {twice} told twice; "
            f"{c['dataplane_away_time']} ms without a dataplane",
            flush=True,
        )
    with tempfile.TemporaryDirectory(prefix="crash-") as path, contextlib.ExitStack() as stack:
        os.chmod(path, 0o755)
        run = Run(smtap, path, stack)
        play_in_peace(run, total, seed)
        run.finish()
        in_peace = subjects(run)
    tap.point(
        f"{name}_each_incident_of_the_run_in_peace_is_told",
        [f"{s} was not told" for s in sorted(in_peace - with_kills)]
        or ([] if len(in_peace) > 5 else [f"only {in_peace}"]),
    )
    print(f"# {len(in_peace)} findings in peace, {len(with_kills)} with kills")
    for more in sorted(with_kills - in_peace):
        print(f"# {more} was told with kills only")
    left = left_over() - before
    tap.point(f"{name}_leaves_nothing_behind", sorted(left))


def main():
    smtap = os.path.abspath(sys.argv[1])
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and clean up
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root, for network namespaces")
        return 0
    tap = Tap()
    name = "killed_again_and_again"
    try:
        check(tap, name, smtap, kills, seed)
        check_without_snapshots(tap, "control_killed_without_snapshots", smtap, 4, seed)
        check_without_a_store(tap, "control_killed_while_its_store_is_held", smtap, seed)
        check_with_other_settings(tap, "control_killed_after_its_settings_changed", smtap, seed)
    except servers.Missing as e:
        tap.skip(name, str(e))
    except (AssertionError, subprocess.TimeoutExpired) as e:
        tap.point(name, [f"{type(e).__name__}: {e}"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
