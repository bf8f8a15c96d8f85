#!/usr/bin/env python3
"""smtap run on each kind of port that a machine can have without a NIC: what is sent is counted.

usage: ports_test.py SMTAP [UNPACKED] [MEMIF-PEER] [PART-OF-A-NAME]   (prints TAP)

UNPACKED: as for realserver_test.py. The ports: sockets, veths and taps in a namespace of its own,
files, and a memif whose peer is another DPDK process. Skipped where something is missing.

Every frame is asked for, so none is sent before there is room for it (feed.py), and no session is
shed: how busy the machine is must not matter here.
"""
import base64
import contextlib
import functools
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from golden import Tap  # noqa: E402
import feed  # noqa: E402
import lab as servers  # noqa: E402
from feed import SEEN, frames_of  # noqa: E402
from lab import Lab, Missing  # noqa: E402
from pcapgen import Session, Wire  # noqa: E402
from live_test import AF_PACKET, AF_XDP, ATTACKER, CAPTURE  # noqa: E402
from live_test import Live, devices, mirror  # noqa: E402

# What is in CAPTURE.
PACKETS, ATTEMPTS, SOURCE = 695, 26, "198.51.100.17"
LOST = [*SEEN[1:], "decode_cut"]
# What of a capture is the same whatever brings it.
ALIKE = ["rx_packets", "smtp_bytes", "smtp_commands", "auth_attempts", "tcp_gap_bytes", "sessions"]


class Port:
    """A case: a namespace with two veths, smtap run, frames that are played into a device."""

    def __init__(self, tap, name, lab, smtap):
        self.tap, self.name, self.lab, self.smtap = tap, name, lab, smtap
        lab.cable()
        lab.users()
        off = "net.ipv6.conf.all.disable_ipv6=1"  # no strays
        servers.run("ip", "netns", "exec", lab.server, "sysctl", "-qw", off)
        self.inside = devices(lab)

    def run(self, port, *options):
        config = "dataplane:\n  shed: false\n"
        self.live = Live(self.lab, self.smtap, port, *options, config=config)
        self.rings = feed.Rings(self.lab.stack, self.live.child("smtap-dataplane"))
        socket_of_ours = port == AF_PACKET or port.startswith("net_af_packet")
        self.window = feed.WINDOW_AF_PACKET if socket_of_ours else feed.WINDOW
        return self.live

    def ip(self, *words):
        servers.run("ip", "-n", self.lab.server, *words)

    def play(self, device="mirror0", capture=CAPTURE):
        feed.play(self.lab, self.rings, device, frames_of(capture), self.window)

    def more(self, n):
        return feed.once_more(CAPTURE, self.lab.path, n)

    def peer(self, program, queues, *captures):
        """Another process with the other end of a memif; it has played when it is returned."""
        if not program or not os.path.exists(program):
            raise Missing("the peer of a memif is not built")
        command = [program, "smtap-test", str(queues), *map(str, captures)]
        p = subprocess.Popen(
            ["ip", "netns", "exec", self.lab.server, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lab.stack.callback(self.lab.stop, p)
        if not p.stdout.readline().startswith("played "):
            raise AssertionError(f"the peer ended with status {p.wait(10)}")
        return p

    def said(self, words):
        self.lab.until(words, lambda: words in self.live.said.read_text())

    def oracle(self, capture):
        """What a replay of it counts: the reader of captures never loses anything."""
        out = self.lab.path / "replayed"
        command = [self.smtap, "replay", "-o", str(out), str(capture)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=60)
        line = (out / "eve.json").read_text().splitlines()[-1]
        return json.loads(line)["smtap"]["counters"]

    def counts_as_a_replay(self, capture, *keys):
        """The run ends well and what it saw of the capture is what a replay sees."""
        want = self.oracle(capture)
        self.received(want["rx_packets"])
        status, said = self.live.end()
        c = self.live.counters()
        off = [f"status {status}: {said[-600:]}"] if status else []
        off += [f"{k}: {c[k]}, not {want[k]}" for k in (*ALIKE, *keys) if c[k] != want[k]]
        off += [f"{k}: {c[k]}" for k in LOST if c[k]]
        self.tap.point(self.name, off)

    def received(self, packets):
        """Of what is not played by us. Less comes: what end() says then is better than this."""
        with contextlib.suppress(TimeoutError):
            self.lab.until("all packets", lambda: self.rings.seen() >= packets, feed.LOOK_S)

    def end(self, times=1, **more):
        """The run ends well: so many times CAPTURE was seen, all of it, and nothing was lost."""
        self.received(times * PACKETS)
        status, said = self.live.end()
        c = self.live.counters()
        want = {"rx_packets": times * PACKETS, "auth_attempts": times * ATTEMPTS, **more}
        want |= {k: 0 for k in LOST}
        off = [f"status {status}: {said[-600:]}"] if status else []
        want |= {"port_link_down": len(re.findall("^smtap: port .* lost its link$", said, re.M))}
        off += [f"{k}: {c[k]}, not {v}" for k, v in want.items() if c[k] != v]
        if not self.live.found("bruteforce", SOURCE):
            off.append("no incident")
        self.tap.point(self.name, off)
        return said


CASES = []


def case(function):
    """Called with a Port."""

    @functools.wraps(function)
    def wrapped(*args):
        function(Port(*args))

    CASES.append(wrapped)
    return function


PEER = []  # the program, as main() was told


def each_socket_of_a_port_is_read(port, *options):
    """The kernel spreads packets over them as it likes."""
    port.run("net_af_packet0,iface=mirror1,qpairs=3", *options)
    port.play()
    port.end()


@case
def each_socket_of_an_af_packet_port_is_read_by_a_worker(port):
    each_socket_of_a_port_is_read(port)


@case
def each_socket_of_an_af_packet_port_is_read_for_two_workers(port):
    each_socket_of_a_port_is_read(port, "--workers", "2")


@case
def a_file_is_read_as_a_port(port):
    port.run(f"net_pcap0,rx_pcap={CAPTURE}")
    port.end()


@case
def each_file_of_a_port_is_read(port):
    port.run(f"net_pcap0,rx_pcap={CAPTURE},rx_pcap={CAPTURE}", "--workers", "2")
    port.received(2 * PACKETS)
    status, said = port.live.end()
    n = port.live.counters()["rx_packets"]
    port.tap.point(port.name, [] if (status, n) == (0, 2 * PACKETS) else [f"{n}: {said[-500:]}"])


@case
def an_interface_is_read_by_libpcap(port):
    port.run("net_pcap0,rx_iface=mirror1")
    port.play()
    port.end()


@case
def a_tap_is_read(port):
    """What the kernel sends into it is what the port receives."""
    port.run("net_tap0,iface=smtap0", "--workers", "2")
    port.play("smtap0")
    port.end()


@case
def a_tap_that_is_taken_away_is_made_anew(port):
    port.run("net_tap0,iface=smtap0", "--workers", "2")
    port.play("smtap0")
    port.ip("link", "del", "smtap0")
    port.said("was taken away; NOTHING IS SEEN NOW")
    port.said("port net_tap0,iface=smtap0 is back")
    port.play("smtap0", port.more(1))
    port.end(2, port_removed=1, port_returned=1)


@case
def a_memif_is_read_and_its_peer_may_come_back(port):
    live = port.run("net_memif0,role=server,socket=smtap-test")
    told = "it has no link yet" in live.said.read_text()
    first = port.peer(PEER[0], 1, CAPTURE)
    port.received(PACKETS)
    port.said("has its link again")  # it is looked at each second: what is shorter is not seen
    first.communicate(timeout=20)
    port.said("lost its link")
    port.peer(PEER[0], 1, port.more(1))
    port.end(2)
    port.tap.point(f"{port.name}_and_says_that_it_waits", [] if told else ["it does not"])


@case
def a_memif_with_more_queues_is_read(port):
    port.run("net_memif0,role=server,socket=smtap-test", "--workers", "2")
    port.peer(PEER[0], 1, CAPTURE)
    port.end()


def words_of_failure(r):
    """What it said, but for what any start may say on a busy or a small machine."""
    other = ("smtap: still starting: ", "smtap: fewer than ")
    return [line for line in r.stderr.splitlines() if not line.startswith(other)]


@case
def a_port_that_nobody_can_feed_is_refused(port):
    off = []
    for name, words in (
        ("net_ring0", "for those of another process use net_memif"),
        ("net_af_packet0,iface=mirror1,qpairs=17", "more than 16 queues"),
        ("net_pcap0,rx_pcap=/nonexistent", "net_pcap0"),
    ):
        command = ["ip", "netns", "exec", port.lab.server, port.smtap, "run", "-i", name]
        r = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=port.lab.path)
        lines = words_of_failure(r)
        if not r.returncode or len(lines) != 1 or words not in lines[0]:
            off.append(f"{name}: status {r.returncode}: {lines}")
    port.tap.point(port.name, off)


def comes_back(port, device, *options):
    """A link that flaps and an interface that is made anew: what comes after is seen."""
    port.run(device, *options)
    port.play()
    port.ip("link", "set", "mirror0", "down")
    port.said("port " + device + " lost its link")
    port.ip("link", "set", "mirror0", "up")
    port.said("port " + device + " has its link again")
    port.play(capture=port.more(1))
    port.ip("link", "del", "mirror0")
    port.said("was taken away; NOTHING IS SEEN NOW, and it is looked for each second")
    veth = ["type", "veth", "peer", "name", "mirror1"]
    port.ip("link", "add", "mirror0", *veth)
    for end in ("mirror0", "mirror1"):
        port.ip("link", "set", end, "up")
    port.said("port " + device + " is back")
    port.lab.until("the port", lambda: port.rings.now()["port_returned"] == 1)
    port.play(capture=port.more(2))
    # A look between the end of its link and its own sees a link lost once more.
    port.end(3, port_removed=1, port_returned=1)


@case
def an_af_packet_port_is_taken_up_again(port):
    comes_back(port, AF_PACKET)


@case
def an_af_packet_port_is_taken_up_again_for_two_workers(port):
    comes_back(port, AF_PACKET, "--workers", "2")


@case
def an_af_xdp_port_is_taken_up_again(port):
    comes_back(port, AF_XDP)


@case
def a_libpcap_port_is_taken_up_again(port):
    comes_back(port, "net_pcap0,rx_iface=mirror1")


def long_mail(port, mss):
    """A capture: guesses, and between them a message in segments of mss bytes."""
    wire = Wire()
    s = Session(wire, "198.51.100.9").open()
    s.talk("S: 220 mx1 ESMTP", "C: EHLO c.example", "S: 250-mx1\r\n250 AUTH PLAIN")
    guess = base64.b64encode(b"\0dave\0guess").decode()
    for _ in range(4):
        s.talk("C: MAIL FROM:<a@c.example>", "S: 250 ok", "C: RCPT TO:<b@s.example>", "S: 250 ok")
        s.talk("C: DATA", "S: 354 go on")
        text = (b"Subject: long\r\n\r\n" + b"All work and no play. " * 40 + b"\r\n") * 70
        text += b".\r\n"
        for at in range(0, len(text), mss):
            s.c(text[at : at + mss])
        s.talk("S: 250 queued", f"C: AUTH PLAIN {guess}", "S: 535 5.7.8 no")
    s.close()
    wire.write(f"{port.lab.path}/long.pcap")
    return f"{port.lab.path}/long.pcap"


def servers_shell(smtap, device):
    return f"mount -t bpf bpf /sys/fs/bpf; exec {smtap} run -i {device}"


JUMBO = 9000


def widen(port, *names):
    for name in names or ("mirror0", "mirror1"):
        port.ip("link", "set", name, "mtu", str(JUMBO))


def jumbo_frames(port, device, *options):
    widen(port)
    port.run(device, *options)
    capture = long_mail(port, JUMBO - 40)
    port.play(capture=capture)
    port.counts_as_a_replay(capture, "rx_bytes")


@case
def jumbo_frames_are_read_from_af_packet(port):
    jumbo_frames(port, AF_PACKET)


@case
def jumbo_frames_are_read_for_two_workers(port):
    jumbo_frames(port, AF_PACKET, "--workers", "2")


@case
def jumbo_frames_are_read_from_libpcap(port):
    jumbo_frames(port, "net_pcap0,rx_iface=mirror1")


@case
def jumbo_frames_are_read_from_a_tap(port):
    port.run("net_tap0,iface=smtap0")
    widen(port, "smtap0")
    capture = long_mail(port, JUMBO - 40)
    port.play("smtap0", capture)
    port.counts_as_a_replay(capture, "rx_bytes")


@case
def frames_of_60000_bytes_are_read_from_a_memif_in_chains(port):
    port.run("net_memif0,role=server,socket=smtap-test")
    capture = long_mail(port, 60000)
    port.peer(PEER[0], 1, capture)
    port.counts_as_a_replay(capture, "rx_bytes")


@case
def frames_of_60000_bytes_are_read_from_a_memif_for_two_workers(port):
    port.run("net_memif0,role=server,socket=smtap-test", "--workers", "2")
    capture = long_mail(port, 60000)
    port.peer(PEER[0], 1, capture)
    port.counts_as_a_replay(capture, "rx_bytes")


@case
def frames_longer_than_those_of_the_socket_are_counted_as_cut(port):
    widen(port)
    live = port.run("net_af_packet0,iface=mirror1,framesz=2048,blocksz=4096,framecnt=512")
    capture = long_mail(port, JUMBO - 40)
    port.play(capture=capture)
    want = port.oracle(capture)
    port.received(want["rx_packets"])
    status, said = live.end()
    c = live.counters()
    cut = 4 * 7  # those of a message that are full
    off = [] if status == 0 and "longer than 2048 bytes is cut" in said else [said[-800:]]
    if c["decode_cut"] != cut or c["auth_attempts"] != want["auth_attempts"]:
        off.append(f"cut {c['decode_cut']} of {cut}, {c['auth_attempts']} attempts")
    missing = want["smtp_bytes"] - c["smtp_bytes"]
    if c["tcp_gap_bytes"] != missing or missing < cut * (JUMBO - 2048):
        off.append(f"{missing} bytes are missing, {c['tcp_gap_bytes']} are in gaps")
    port.tap.point(port.name, off)


@case
def frames_too_long_for_af_xdp_are_told_in_one_line(port):
    widen(port)
    command = ["ip", "netns", "exec", port.lab.server, "sh", "-c"]
    command += [servers_shell(port.smtap, AF_XDP), "sh"]
    r = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=port.lab.path)
    lines = words_of_failure(r)
    good = r.returncode == 1 and len(lines) == 1 and "MTU is too large" in lines[0]
    good = good and "without AF_XDP: -i mirror1" in lines[0]
    port.tap.point(port.name, [] if good else [f"{r.returncode}: {r.stderr[-600:]}"])


def answer(line):
    """What a small server says; None: more is to come."""
    verb = line[:4].upper()
    replies = {b"EHLO": b"250-mx1\r\n250 AUTH PLAIN", b"DATA": b"354 go on", b"QUIT": b"221 bye"}
    return replies.get(verb, b"535 5.7.8 no" if verb == b"AUTH" else b"250 ok") + b"\r\n"


def serve_one(listener):
    """One client, to its end."""
    with listener.accept()[0] as s, s.makefile("rb") as lines:
        s.sendall(b"220 mx1 ESMTP\r\n")
        for line in lines:
            s.sendall(answer(line))
            if line.startswith(b"QUIT"):
                return
            if line.startswith(b"DATA"):
                while lines.readline() != b".\r\n":
                    pass
                s.sendall(b"250 queued\r\n")


def speak(s):
    """A client: how many bytes went either way."""
    lines, told = s.makefile("rb"), 0

    def say(text):
        s.sendall(text)
        return len(text)

    def hear():
        line = lines.readline()
        return len(line) + (hear() if line[3:4] == b"-" else 0)

    told += hear() + say(b"EHLO c.example\r\n") + hear()
    text = b"Subject: long\r\n\r\n" + b"All work and no play makes Jack a dull boy.\r\n" * 20000
    for _ in range(3):
        for line in (b"MAIL FROM:<a@c.example>", b"RCPT TO:<b@s.example>", b"DATA"):
            told += say(line + b"\r\n") + hear()
        told += say(text + b".\r\n") + hear()
        told += say(b"AUTH PLAIN AGRhdmUAZ3Vlc3M=\r\n") + hear()
    return told + say(b"QUIT\r\n") + hear()


def in_namespace(lab, name, function):
    """In a child: a namespace is for ever. Its pid, and what it writes."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        with contextlib.suppress(Exception):
            servers.enter(name)
            os.write(write, str(function()).encode())
            status = 0
        os._exit(status)
    os.close(write)
    lab.stack.callback(os.close, read)
    return pid, read


def real_session(port, *options):
    """
    Merged by the sender into packets of up to 64 KiB, on a wire of 9000: some 150 of them, so the
    1024 frames of the socket hold all.
    """
    lab = port.lab
    for namespace in (lab.server, lab.client):
        servers.run("ip", "-n", namespace, "link", "set", "wire", "mtu", str(JUMBO))
    widen(port)
    mirror(lab, run=port.inside)
    lab.source(ATTACKER)
    live = port.run(AF_PACKET, *options)
    ready, go = os.pipe()

    def server():
        with socket.create_server((servers.SERVER, 25)) as listener:
            os.write(go, b"!")
            serve_one(listener)

    def client():
        with socket.create_connection((servers.SERVER, 25), 20, (ATTACKER, 0)) as s:
            return speak(s)

    ours, _ = in_namespace(lab, lab.server, server)
    os.read(ready, 1)
    theirs, told = in_namespace(lab, lab.client, client)
    off = [f"{pid} failed" for pid in (theirs, ours) if os.waitpid(pid, 0)[1]]
    want = int(os.read(told, 64) or 0)
    with contextlib.suppress(TimeoutError):
        lab.until("the end", lambda: live.counters()["smtp_bytes"] >= want)
    status, said = live.end()
    c = live.counters()
    if status or c["smtp_bytes"] != want or c["auth_attempts"] != 3 or c["tcp_gap_bytes"]:
        off.append(f"{want} bytes were said; {c}; {said[-300:]}")
    off += [f"{k}: {c[k]}" for k in LOST if c[k]]
    mean = c["rx_bytes"] // max(1, c["rx_packets"])
    if mean < 2000:
        off.append(f"packets of {mean} bytes prove nothing")
    port.tap.point(port.name, off)
    print(f"# {port.name}: {c['rx_packets']} packets, {mean} bytes on average")


@case
def a_session_on_a_wire_of_9000_bytes_is_read_whole(port):
    real_session(port)


@case
def a_session_on_a_wire_of_9000_bytes_is_read_whole_by_two_workers(port):
    real_session(port, "--workers", "2")


def tagged(port, *tags):
    """CAPTURE with these tags in each frame."""
    wire = Wire()
    between = b"".join(struct.pack(">HH", kind, number) for kind, number in tags)
    for frame in frames_of(CAPTURE):
        wire.put(frame[:12] + between + frame[12:])
    wire.write(f"{port.lab.path}/tagged.pcap")
    return f"{port.lab.path}/tagged.pcap"


ONE_TAG, TWO_TAGS = [(0x8100, 7)], [(0x88A8, 100), (0x8100, 7)]


def tagged_frames(port, device, *tags, into="mirror0"):
    port.run(device)
    capture = tagged(port, *tags)
    port.play(into, capture)
    port.counts_as_a_replay(capture, "rx_bytes")


@case
def tagged_frames_are_read_from_af_packet(port):
    tagged_frames(port, AF_PACKET, *ONE_TAG)


@case
def twice_tagged_frames_are_read_from_af_packet(port):
    tagged_frames(port, AF_PACKET, *TWO_TAGS)


@case
def twice_tagged_frames_are_read_from_af_xdp(port):
    tagged_frames(port, AF_XDP, *TWO_TAGS)


@case
def twice_tagged_frames_are_read_from_libpcap(port):
    tagged_frames(port, "net_pcap0,rx_iface=mirror1", *TWO_TAGS)


@case
def twice_tagged_frames_are_read_from_a_tap(port):
    tagged_frames(port, "net_tap0,iface=smtap0", *TWO_TAGS, into="smtap0")


@case
def a_tag_that_the_kernel_took_off_is_put_back(port):
    """A mirror (tc) sees packets whose tag the kernel keeps beside them."""
    servers.run(*port.inside, "tc", "qdisc", "add", "dev", "other1", "clsact")
    rule = ["dev", "other1", "ingress", "protocol", "all", "u32", "match", "u32", "0", "0"]
    mirror = ["action", "mirred", "egress", "mirror", "dev", "mirror0"]
    servers.run(*port.inside, "tc", "filter", "add", *rule, *mirror)
    tagged_frames(port, AF_PACKET, *ONE_TAG, into="other0")


def main():
    smtap = os.path.abspath(sys.argv[1])
    unpacked = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else "/nonexistent"
    PEER[:] = [os.path.abspath(sys.argv[3])] if len(sys.argv) > 3 else [""]
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    missing = None if os.geteuid() == 0 else "needs root, for network namespaces"
    tap = Tap()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and clean up
    if missing:
        print(f"1..0 # SKIP {missing}")
        return 0
    for function in [c for c in CASES if only in c.__name__]:
        name = function.__name__
        try:
            with tempfile.TemporaryDirectory(prefix="smtap-") as path:
                os.chmod(path, 0o755)
                with contextlib.ExitStack() as stack:
                    function(tap, name, Lab(path, unpacked, stack, [ATTACKER]), smtap)
        except Missing as e:
            tap.skip(name, str(e))
        except (AssertionError, TimeoutError, subprocess.TimeoutExpired) as e:
            tap.point(name, [f"{type(e).__name__}: {e}"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
