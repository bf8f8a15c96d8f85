#!/usr/bin/env python3
"""smtap run on each kind of port that a machine can have without a NIC: what is sent is counted.

usage: ports_test.py SMTAP [UNPACKED] [MEMIF-PEER] [PART-OF-A-NAME]   (prints TAP)

UNPACKED: as for realserver_test.py. The ports: sockets, veths and taps in a namespace of its own,
files, and a memif whose peer is another DPDK process. Skipped where something is missing.
"""
import contextlib
import functools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from golden import Tap  # noqa: E402
import lab as servers  # noqa: E402
from lab import Lab, Missing  # noqa: E402
from live_test import AF_PACKET, AF_XDP, CAPTURE, SEEN, Live, devices  # noqa: E402

# What is in CAPTURE.
PACKETS, ATTEMPTS, SOURCE = 695, 26, "198.51.100.17"
LOST = [*SEEN[1:], "decode_cut"]


class Port:
    """A case: a namespace with two veths, smtap run, frames that are played into a device."""

    def __init__(self, tap, name, lab, smtap):
        self.tap, self.name, self.lab, self.smtap = tap, name, lab, smtap
        lab.cable()
        lab.users()
        devices(lab)

    def run(self, port, *options):
        self.live = Live(self.lab, self.smtap, port, *options)
        return self.live

    def ip(self, *words):
        servers.run("ip", "-n", self.lab.server, *words)

    def play(self, device="mirror0", capture=CAPTURE):
        r = subprocess.run(
            self.lab.inside(
                self.lab.server, "tcpreplay", "-q", "--topspeed", "-i", device, str(capture)
            ),
            capture_output=True,
            text=True,
            timeout=60,
        )
        if r.returncode or "Failed packets:            0" not in r.stdout:
            raise AssertionError(f"tcpreplay: {r.stdout[-300:]} {r.stderr[-300:]}")

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

    def received(self, packets):
        with contextlib.suppress(TimeoutError):
            self.lab.until("all packets", lambda: self.live.counters()["rx_packets"] >= packets)

    def end(self, times=1, **more):
        """The run ends well: so many times CAPTURE was seen, all of it, and nothing was lost."""
        self.received(times * PACKETS)
        status, said = self.live.end()
        c = self.live.counters()
        want = {"rx_packets": times * PACKETS, "auth_attempts": times * ATTEMPTS, **more}
        want |= {k: 0 for k in LOST}
        off = [f"status {status}: {said[-600:]}"] if status else []
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
def a_memif_is_read_and_its_peer_may_come_back(port):
    live = port.run("net_memif0,role=server,socket=smtap-test")
    told = "it has no link yet" in live.said.read_text()
    first = port.peer(PEER[0], 1, CAPTURE)
    port.received(PACKETS)
    first.communicate(timeout=20)
    port.said("lost its link")
    port.peer(PEER[0], 1, CAPTURE)
    port.end(2, port_link_down=1)
    port.tap.point(f"{port.name}_and_says_that_it_waits", [] if told else ["it does not"])


@case
def a_memif_with_more_queues_is_read(port):
    port.run("net_memif0,role=server,socket=smtap-test", "--workers", "2")
    port.peer(PEER[0], 1, CAPTURE)
    port.end()


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
        lines = r.stderr.splitlines()
        if not r.returncode or len(lines) != 1 or words not in lines[0]:
            off.append(f"{name}: status {r.returncode}: {lines}")
    port.tap.point(port.name, off)


def comes_back(port, device, *options):
    """A link that flaps and an interface that is made anew: what comes after is seen."""
    port.run(device, *options)
    port.play()
    port.received(PACKETS)
    port.ip("link", "set", "mirror0", "down")
    port.said("port " + device + " lost its link")
    port.ip("link", "set", "mirror0", "up")
    port.said("port " + device + " has its link again")
    port.play()
    port.received(2 * PACKETS)
    port.ip("link", "del", "mirror0")
    port.said("was taken away; NOTHING IS SEEN NOW, and it is looked for each second")
    veth = ["type", "veth", "peer", "name", "mirror1"]
    port.ip("link", "add", "mirror0", *veth)
    for end in ("mirror0", "mirror1"):
        port.ip("link", "set", end, "up")
    port.said("port " + device + " is back")
    port.lab.until("the link", lambda: port.live.counters()["port_returned"] == 1)
    port.play()
    port.end(3, port_removed=1, port_returned=1, port_link_down=1)


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


def main():
    smtap = os.path.abspath(sys.argv[1])
    unpacked = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else "/nonexistent"
    PEER[:] = [os.path.abspath(sys.argv[3])] if len(sys.argv) > 3 else [""]
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    missing = None if os.geteuid() == 0 else "needs root, for network namespaces"
    if not any(os.path.exists(f"{root}/usr/bin/tcpreplay") for root in ("", unpacked)):
        missing = missing or "needs tcpreplay; see scripts/deps"
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
                    function(tap, name, Lab(path, unpacked, stack), smtap)
        except Missing as e:
            tap.skip(name, str(e))
        except (AssertionError, TimeoutError, subprocess.TimeoutExpired) as e:
            tap.point(name, [f"{type(e).__name__}: {e}"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
