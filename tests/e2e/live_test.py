#!/usr/bin/env python3
"""smtap run on live ports: real servers under a real attack, seen while it happens.

usage: live_test.py SMTAP [UNPACKED] [PART-OF-A-NAME]   (prints TAP)

UNPACKED: as for realserver_test.py. A mirror (tc) copies what passes the server's end of the cable
into a veth, which smtap reads by AF_PACKET and by AF_XDP. Skipped where something is missing.
"""
import contextlib
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import encap_test  # noqa: E402
from golden import Tap  # noqa: E402
import feed  # noqa: E402
import lab as servers  # noqa: E402
from feed import SEEN  # noqa: E402
from lab import NAME, PASSWORD, Lab, Missing, compare, server_view, smtap_view  # noqa: E402

ATTACKER, SECOND = "198.51.100.7", "198.51.100.8"
GUESSES = [f"wrong-{n:03}-guess" for n in range(100)]
CAPTURE = pathlib.Path(__file__).resolve().parents[1] / "golden/17-base-bf-success-relay.pcap"
AF_PACKET, AF_XDP = "mirror1", "net_af_xdp0,iface=mirror1"


class Live:
    """smtap run in a namespace of the lab."""

    def __init__(self, lab, smtap, port, *options, config=""):
        self.lab, self.folder = lab, lab.path / "live"
        self.folder.mkdir()
        lab.watch.add(self.folder)
        (lab.path / "smtap.yaml").write_text(f"stats:\n  interval: 1s\n{config}")
        self.said = lab.path / "run.out"
        out = lab.stack.enter_context(open(self.said, "w", encoding="utf-8"))
        # AF_XDP keeps its map in bpffs.
        shell = 'mount -t bpf bpf /sys/fs/bpf; exec "$@"'
        command = [smtap, "run", "-c", f"{lab.path}/smtap.yaml", "-i", port, "-o", self.folder]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", lab.server, "sh", "-c", shell, "sh", *command, *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        lab.stack.callback(lab.stop, self.process)
        lab.until("smtap run", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"smtap run ended: {self.said.read_text()}")
        return self.events("stats")

    def events(self, *kinds):
        with contextlib.suppress(OSError):
            lines = (self.folder / "eve.json").read_text().split("\n")[:-1]
            events = [json.loads(line) for line in lines]
            return [e for e in events if not kinds or e["event_type"] in kinds]
        return []

    def found(self, detector, source):
        return [
            e
            for e in self.events("alert")
            if e["smtap"]["detector"] == detector and e["smtap"].get("subject") == source
        ]

    def counters(self):
        return self.events("stats")[-1]["smtap"]["counters"]

    def child(self, name):
        """The pid of one of its daemons."""
        for line in subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\n"):
            if name in line:
                return int(line.split()[0])
        return None

    def end(self):
        """Its exit status, and all that it said."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        return status, self.said.read_text()


def devices(lab):
    """Two veths in the server's namespace, silent but for what is mirrored into them."""
    run = ["ip", "netns", "exec", lab.server]
    servers.run(*run, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    for name in ("mirror", "other"):
        servers.run(
            "ip",
            "-n",
            lab.server,
            "link",
            "add",
            f"{name}0",
            "type",
            "veth",
            "peer",
            "name",
            f"{name}1",
        )
        for end in ("0", "1"):
            servers.run("ip", "-n", lab.server, "link", "set", name + end, "up")
    return run


def mirror(lab, ingress="mirror0", egress="mirror0", run=None):
    run = run or devices(lab)
    servers.run(*run, "tc", "qdisc", "add", "dev", "wire", "clsact")
    all_of_it = ["protocol", "all", "u32", "match", "u32", "0", "0"]
    for way, to in (("ingress", ingress), ("egress", egress)):
        servers.run(
            *run,
            "tc",
            "filter",
            "add",
            "dev",
            "wire",
            way,
            *all_of_it,
            "action",
            "mirred",
            "egress",
            "mirror",
            "dev",
            to,
        )


def exim_view(log):
    """Per source what Exim logged: attempts, and those that failed."""
    seen = {}
    for line in log.splitlines():
        m = re.search(r"AUTH from (\S+)", line)
        failed = re.search(r"authenticator failed for .*\[(\S+)\]", line)
        if m or failed:
            view = seen.setdefault((m or failed)[1], {"attempts": 0, "failure": 0})
            view["attempts" if m else "failure"] += 1
    for view in seen.values():
        view["success"] = view["attempts"] - view["failure"]
    return seen


def shared(view, want):
    """What both views tell of."""
    return {
        source: {k: v for k, v in one.items() if k in want.get(source, {})}
        for source, one in view.items()
    }


def refused(lab):
    """How often the server, whichever it is, logged a wrong password."""
    failed = lab.read("mail.log").count(" authentication failed")
    return failed + lab.read("exim/mainlog").count(" authenticator failed")


def under_attack(tap, name, lab, live):
    """
    hydra until it has found the password; the incident must be there before. It is held up while
    that is waited for: who is faster on a busy machine is no matter.
    """
    hydra = lab.start_hydra(ATTACKER, "LOGIN", "-t", "4")
    enough = len(GUESSES) / 3  # for an incident
    lab.until("guesses", lambda: refused(lab) >= enough or hydra.poll() is not None)
    running = hydra.poll() is None
    if running:
        os.killpg(hydra.pid, signal.SIGSTOP)
    with contextlib.suppress(TimeoutError):
        lab.until("the incident", lambda: live.found("bruteforce", ATTACKER))
    seen = live.found("bruteforce", ATTACKER)
    if running:
        os.killpg(hydra.pid, signal.SIGCONT)
    lab.end_hydra(hydra, "LOGIN")
    tap.point(
        f"{name}_tells_the_incident_while_the_attack_runs",
        []
        if running and seen and seen[0]["smtap"]["state"] == "open"
        else [f"hydra still ran: {running}; alerts: {len(seen)}"],
    )


def end_well(tap, name, live):
    status, said = live.end()
    off = [f"status {status}: {said[-600:]}"] if status else []
    off += [f"{k}: {v}" for k, v in live.counters().items() if k in SEEN[1:] and v]
    tap.point(f"{name}_ends_well_and_lost_nothing", off)
    text = said + (live.folder / "eve.json").read_text()
    tap.point(f"{name}_shows_no_password", [p for p in (*GUESSES, PASSWORD) if p in text])
    return said


def passwords(lab):
    lab.write("passwords", "\n".join([*GUESSES, PASSWORD]) + "\n")


def check_postfix(tap, name, lab, smtap, port, *options):
    passwords(lab)
    lab.cable()
    mirror(lab)
    lab.serve()
    live = Live(lab, smtap, port, *options)
    under_attack(tap, name, lab, live)
    lab.until("the end of all connections", lab.all_ended)
    said = end_well(tap, name, live)
    got, want = smtap_view(live.events()), server_view(lab.read("mail.log"))
    off = compare(got, want, ATTACKER)
    if want.get(ATTACKER, {}).get("attempts", 0) < len(GUESSES) / 2:
        off.append(f"the server says {want}")
    tap.point(f"{name}_counts_as_postfix_counts", off)
    tap.point(
        f"{name}_reports_the_account",
        [] if f"guessed the password of {NAME}" in said else [said[-900:]],
    )


def postfix_by_af_packet(tap, name, lab, smtap):
    check_postfix(tap, name, lab, smtap, AF_PACKET)


def postfix_by_af_xdp_and_two_workers(tap, name, lab, smtap):
    check_postfix(tap, name, lab, smtap, AF_XDP, "--workers", "2")


def exim_by_af_packet_and_two_workers(tap, name, lab, smtap):
    passwords(lab)
    lab.cable()
    mirror(lab)
    lab.serve_exim()
    live = Live(lab, smtap, AF_PACKET, "--workers", "2")
    under_attack(tap, name, lab, live)
    end_well(tap, name, live)
    want = exim_view(lab.read("exim/mainlog"))
    off = compare(shared(smtap_view(live.events()), want), want, ATTACKER)
    if want.get(ATTACKER, {}).get("attempts", 0) < len(GUESSES) / 2:
        off.append(f"the server says {want}")
    tap.point(f"{name}_counts_as_exim_counts", off)


def control_that_dies_is_started_again(tap, name, lab, smtap):
    passwords(lab)
    lab.cable()
    mirror(lab)
    lab.serve()
    live = Live(lab, smtap, AF_PACKET)
    lab.hydra(ATTACKER, "LOGIN")
    lab.until("the first incident", lambda: live.found("bruteforce", ATTACKER))
    before = len(live.events())
    first = live.child("smtap-control")
    os.kill(first, signal.SIGKILL)
    lab.hydra(SECOND, "PLAIN")  # while nobody reads the rings, or while they are read again
    lab.until("the second incident", lambda: live.found("bruteforce", SECOND))
    lab.until("the end of all connections", lab.all_ended)
    acked = not_acknowledged(live, smtap) + not_watched(live, smtap)
    status, said = live.end()
    off = [] if status == 0 else [f"status {status}"]
    if "control was killed by signal 9; it starts again" not in said:
        off.append(said[-600:])
    if len(live.events()) <= before:
        off.append("the EVE file was not gone on with")
    tap.point(name, off)
    got, want = smtap_view(live.events()), server_view(lab.read("mail.log"))
    tap.point(f"{name}_and_no_attempt_is_missed", compare(got, want, SECOND))
    tap.point(f"{name}_and_gives_no_id_twice", ids_given_twice(live, smtap))
    tap.point(f"{name}_and_an_incident_was_acknowledged", acked)


def not_acknowledged(live, smtap):
    """Tell the running instance that incident 1 was seen: what is wrong about that."""
    look = [smtap, "incidents", "-o", live.folder]
    told = subprocess.run([*look, "ack", "1", "--note", "seen"], capture_output=True, text=True)
    shown = subprocess.run([*look, "show", "1"], capture_output=True, text=True)
    if told.returncode != 0 or "UTC by root: seen" not in shown.stdout:
        return [told.stderr, shown.stdout[:600]]
    return []


def not_watched(live, smtap):
    """smtap top once, and on a terminal of 80 by 24: what is missing."""
    top = [smtap, "top", "-o", live.folder]
    once = subprocess.run([*top, "--json"], capture_output=True, text=True)
    off = [] if once.returncode == 0 else [once.stderr]
    status = json.loads(once.stdout or "{}")
    if not [i for i in status.get("incidents", []) if SECOND in i["sources"]]:
        off.append(f"the open incident is not there: {once.stdout[:400]}")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    terminal = dict(os.environ, TERM="xterm")
    with subprocess.Popen([*top, "-d", "3600"], stdin=theirs, stdout=theirs, env=terminal) as p:
        os.close(theirs)
        drawn = b""
        with contextlib.suppress(OSError):  # its end
            while chunk := os.read(ours, 4096):
                drawn += chunk
                if b"FAILURES" in drawn and SECOND.encode() in drawn:
                    os.write(ours, b"q")
    os.close(ours)
    if p.returncode != 0 or b"SEVERITY" not in drawn:
        off.append(f"status {p.returncode}: {drawn[-300:]}")
    return off


def ids_given_twice(live, smtap):
    """One id of two findings, or of two incidents, in the EVE file; and what is not stored."""
    findings, subjects, sources = {}, {}, {}
    for e in live.events("alert"):
        if e["smtap"]["detector"] == "bruteforce":
            smtap_ = e["smtap"]
            findings.setdefault(smtap_["finding_id"], set()).add(smtap_["subject"])
            subjects.setdefault(smtap_["incident_id"], set()).add(smtap_["subject"])
            sources[smtap_["incident_id"]] = set(smtap_["incident"]["sources"])
    off = [f"finding {i} is about {s}" for i, s in findings.items() if len(s) > 1]
    # Both may be one attack: they guess at the same account.
    off += [f"incident {i} is about {s}" for i, s in subjects.items() if not s <= sources[i]]
    listed = subprocess.run(
        [smtap, "incidents", "--json", "-o", live.folder],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    stored = {json.loads(line)["incident_id"] for line in listed.split("\n")[:-1]}
    if not set(subjects) <= stored:
        off.append(f"stored are {stored}, told were {set(subjects)}")
    if len(findings) < 2:
        off.append(f"one finding only: {findings}")
    return off


def two_legs_of_a_tap_are_one(tap, name, lab, smtap):
    """What goes to the server comes on one port, what it says on another."""
    passwords(lab)
    lab.cable()
    mirror(lab, ingress="mirror0", egress="other0")
    lab.serve()
    live = Live(lab, smtap, AF_PACKET, "-i", "other1", "--workers", "2")
    under_attack(tap, name, lab, live)
    lab.until("the end of all connections", lab.all_ended)
    end_well(tap, name, live)
    got, want = smtap_view(live.events()), server_view(lab.read("mail.log"))
    tap.point(f"{name}_counts_as_postfix_counts", compare(got, want, ATTACKER))


def a_port_that_goes_away_is_told_and_the_other_goes_on(tap, name, lab, smtap):
    lab.cable()
    lab.users()
    devices(lab)
    live = Live(lab, smtap, AF_PACKET, "-i", "other1")
    netns = ["ip", "-n", lab.server, "link"]

    def said(words):
        return lambda: words in live.said.read_text()

    servers.run(*netns, "set", "mirror0", "down")
    lab.until("the lost link", said("port mirror1 lost its link"))
    servers.run(*netns, "set", "mirror0", "up")
    lab.until("the link", said("port mirror1 has its link again"))
    servers.run(*netns, "del", "mirror0")
    lab.until("the removal", said("port mirror1 was taken away; the others go on"))
    servers.run(*lab.inside(lab.server, "tcpreplay", "-i", "other0", str(CAPTURE)))
    lab.until("the incident", lambda: live.found("bruteforce", "198.51.100.17"))
    status, text = live.end()
    c = live.counters()
    # A look between the end of its link and its own sees a link lost once more.
    lost = len(re.findall("^smtap: port mirror1 lost its link$", text, re.M))
    off = [] if status == 0 else [f"status {status}"]
    if c["port_removed"] != 1 or c["port_link_down"] != lost:
        off.append(f"removed {c['port_removed']}, link {c['port_link_down']}: {text[-500:]}")
    tap.point(name, off)


def check_fragments(tap, name, lab, smtap, workers):
    """Each packet in fragments, the last one first: put together before it is read."""
    lab.cable()
    lab.users()
    devices(lab)
    wire = encap_test.Wire()
    for ns, frame in encap_test.dialogue().frames:
        wire.frames += [(ns, piece) for piece in encap_test.fragments(frame, 24)]
    live = Live(lab, smtap, AF_XDP, "--workers", workers)  # AF_PACKET: the kernel does it
    rings = feed.Rings(lab.stack, live.child("smtap-dataplane"))
    feed.play(lab, rings, "mirror0", [frame for _, frame in wire.frames])
    with contextlib.suppress(TimeoutError):
        lab.until("all attempts", lambda: len(live.events("smtp_auth")) == 18)
    status, said = live.end()
    c = live.counters()
    off = [] if status == 0 else [f"status {status}: {said[-500:]}"]
    if len(live.events("smtp_auth")) != 18 or not c["fragments"] or c["fragments_dropped"]:
        off.append(
            f"{len(live.events('smtp_auth'))} attempts of 18; "
            f"{ {k: v for k, v in c.items() if v} }"
        )
    if c["rx_packets"] != len(wire.frames) or c["port_packets"] != len(wire.frames):
        off.append(f"{c['rx_packets']} packets, not {len(wire.frames)}")
    tap.point(name, off)


def fragments_are_put_together_by_a_worker(tap, name, lab, smtap):
    check_fragments(tap, name, lab, smtap, "1")


def fragments_are_put_together_by_the_dispatcher(tap, name, lab, smtap):
    check_fragments(tap, name, lab, smtap, "2")


def a_port_that_can_spread_has_a_queue_for_each_worker(tap, name, lab, smtap):
    """DPDK's null device takes the symmetric key and the table of queues, as a NIC does."""
    lab.cable()
    live = Live(lab, smtap, "net_null0,no-rx=1", "--workers", "2")
    status, said = live.end()
    told = "net_null, 2 queues," in said and "one lcore does it" not in said
    tap.point(name, [] if status == 0 and told else [f"status {status}: {said[-500:]}"])


def what_is_wrong_is_told_in_one_line(tap, name, lab, smtap):
    """Before anything starts, with status 2."""
    (lab.path / "none.yaml").write_text("dataplane:\n  interfaces: []\n")
    (lab.path / "bad.yaml").write_text("dataplane:\n  interfaces: [a/b]\n")
    off = []
    for options, words in (
        (["-c", f"{lab.path}/none.yaml"], "no port to watch"),
        (["-c", f"{lab.path}/bad.yaml"], "bad.yaml:2: dataplane.interfaces: 'a/b' is no port"),
        (["-c", f"{lab.path}/none.yaml", "-i", "nosuch9"], "there is no interface nosuch9"),
        (["-c", f"{lab.path}/none.yaml", "-i", "lo", "-i", "lo"], "listed twice"),
        (["eth1"], "no operand is expected"),
    ):
        r = subprocess.run([smtap, "run", *options], capture_output=True, text=True, timeout=30)
        lines = r.stderr.splitlines()
        if r.returncode != 2 or len(lines) != 1 or words not in lines[0] or r.stdout:
            off.append(f"{options}: status {r.returncode}: {lines} {r.stdout}")
    tap.point(name, off)


def statistic(lab, device, which):
    path = f"/sys/class/net/{device}/statistics/{which}"
    return int(
        subprocess.run(
            ["ip", "netns", "exec", lab.server, "cat", path],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


def check_replay(tap, name, lab, smtap, port, loops, *options):
    """As fast as tcpreplay can: what arrived was inspected, or is counted as lost."""
    lab.cable()
    lab.users()
    devices(lab)
    live = Live(lab, smtap, port, *options)
    before = statistic(lab, "mirror1", "rx_packets")
    # Until the driver has bound its socket, it hears other interfaces too.
    strays = sum(live.counters()[k] for k in SEEN) - before
    r = subprocess.run(
        lab.inside(
            lab.server,
            "tcpreplay",
            "--topspeed",
            "--preload-pcap",
            "-i",
            "mirror0",
            "--loop",
            str(loops),
            str(CAPTURE),
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    sent = re.search(r"Actual: (\d+) packets", r.stdout)
    if r.returncode or not sent:
        raise AssertionError(f"tcpreplay: {r.stdout[-300:]} {r.stderr[-300:]}")

    def passed():
        """What came through the cable, and what it dropped: the kernel may be behind."""
        return statistic(lab, "mirror1", "rx_packets") - before, statistic(
            lab, "mirror0", "tx_dropped"
        )

    def sum_seen():
        return sum(live.counters()[k] for k in SEEN) - before - strays

    with contextlib.suppress(TimeoutError):
        lab.until("all packets", lambda: sum(passed()) == int(sent[1]))
        lab.until("all that arrived", lambda: sum_seen() == passed()[0])
    arrived, dropped = passed()
    c = live.counters()
    rate = re.search(r"([\d.]+) pps", r.stdout)
    tap.point(
        f"{name}_accounts_for_each_packet",
        []
        if sum_seen() == arrived and arrived > 0
        else [
            f"{sent[1]} sent, {dropped} dropped on the way, {arrived} arrived, "
            f"but {sum_seen()} are known: { {k: c[k] for k in SEEN} }"
        ],
    )
    tap.point(
        f"{name}_sent_is_what_arrived_and_what_the_cable_dropped",
        []
        if int(sent[1]) == arrived + dropped
        else [f"{sent[1]} sent, {arrived} arrived, {dropped} dropped"],
    )
    print(
        f"# {name}: {sent[1]} packets at {rate[1] if rate else '?'} packets/s; "
        f"{ {k: c[k] for k in SEEN if c[k]} }"
    )
    status, said = live.end()
    tap.point(f"{name}_ends_well", [] if status == 0 else [f"status {status}: {said[-600:]}"])


def tcpreplay_by_af_packet(tap, name, lab, smtap):
    check_replay(tap, name, lab, smtap, AF_PACKET, 100)


def tcpreplay_by_af_packet_and_two_workers(tap, name, lab, smtap):
    check_replay(tap, name, lab, smtap, AF_PACKET, 100, "--workers", "2")


def tcpreplay_by_af_xdp(tap, name, lab, smtap):
    check_replay(tap, name, lab, smtap, AF_XDP, 100)


CASES = [
    what_is_wrong_is_told_in_one_line,
    postfix_by_af_packet,
    postfix_by_af_xdp_and_two_workers,
    exim_by_af_packet_and_two_workers,
    control_that_dies_is_started_again,
    two_legs_of_a_tap_are_one,
    a_port_that_goes_away_is_told_and_the_other_goes_on,
    fragments_are_put_together_by_a_worker,
    fragments_are_put_together_by_the_dispatcher,
    a_port_that_can_spread_has_a_queue_for_each_worker,
    tcpreplay_by_af_packet,
    tcpreplay_by_af_packet_and_two_workers,
    tcpreplay_by_af_xdp,
]


def what_is_missing(unpacked):
    missing = servers.what_is_missing(unpacked)
    for name in ("usr/sbin/exim4", "usr/bin/tcpreplay"):
        if not any(os.path.exists(os.path.join(root, name)) for root in ("/", unpacked)):
            missing = missing or f"needs /{name}; see scripts/deps"
    return missing


def main():
    smtap = os.path.abspath(sys.argv[1])
    unpacked = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else "/nonexistent"
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    missing = what_is_missing(unpacked)
    tap = Tap()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and clean up
    if missing:
        print(f"1..0 # SKIP {missing}")
        return 0
    for case in [c for c in CASES if only in c.__name__]:
        name = case.__name__
        try:
            with tempfile.TemporaryDirectory(prefix="smtap-") as path:
                os.chmod(path, 0o755)
                with contextlib.ExitStack() as stack:
                    case(tap, name, Lab(path, unpacked, stack, [ATTACKER, SECOND]), smtap)
        except Missing as e:
            tap.skip(name, str(e))
        except (AssertionError, TimeoutError, subprocess.TimeoutExpired) as e:
            tap.point(name, [f"{type(e).__name__}: {e}"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
