"""smtap run with exporters, attacked at will: the whole way of an alert, with nothing played.

    @case
    def my_exporter_has_every_alert_after_it_was_down():
        with running("  mine: {type: mine, server: 127.0.0.1:4711, retry_max: 1s}\\n") as r:
            r.attack(3)                        # three more sources guess passwords
            r.until("trouble is told", lambda: "mine: " in r.said())
            destination = ...                  # it comes back now
            r.attack(2)
            r.until("all alerts", lambda: all_of(r.alerts(), destination.lines()))

A test that uses this ends in `alone(main)` in place of `main()`: it then runs in a network
namespace and a mount namespace of its own, with a loopback interface; only root has that, others
skip. Each attack is a capture of its own, sent into a veth whose other end smtap reads. r.alerts()
are the alert lines of eve.json, in order; r.kill(name) kills a daemon by SIGKILL.
"""
import contextlib
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import harness
from harness import Skip, Wrong, b64, expect

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from pcapgen import Session, Wire  # noqa: E402

DEADLINE_S = 90  # past it, what is waited for does not come
GUESSES = 10  # of a source: more than bruteforce.passwords
INSIDE = "SMTAP_RUNNING_INSIDE"


def alone(main):
    """main(), in namespaces of its own where that is allowed."""
    apart = ["unshare", "-n", "-m"]
    if os.geteuid() == 0 and INSIDE not in os.environ:
        if subprocess.run([*apart, "true"], capture_output=True).returncode != 0:
            print("1..0 # SKIP no network and mounts of its own (the kernel gives a chroot none)")
            return 0
        os.environ[INSIDE] = "1"
        os.execvp(apart[0], [*apart, sys.executable, *sys.argv])
    if INSIDE in os.environ:
        off = "/proc/sys/net/ipv6/conf/default/disable_ipv6"  # no strays on the veth
        with contextlib.suppress(OSError):
            pathlib.Path(off).write_text("1")
        ip("link", "set", "lo", "up")
    return main()


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


def until(what, condition, said=lambda: ""):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"{what}: not within {DEADLINE_S} s; {said()[-600:]!r}")
        select.select([], [], [], 0.05)


def guesses(number):
    """The frames of one source that guesses the passwords of one account."""
    wire = Wire()
    for n in range(GUESSES):
        s = Session(wire, f"198.51.100.{number}", sport=40000 + n).open()
        s.talk(
            "S: 220 mx1.corp.example ESMTP Postfix",
            "C: EHLO client.example",
            "S: 250-mx1.corp.example\r\n250 AUTH PLAIN",
            f"C: AUTH PLAIN {b64(f'{chr(0)}user{number}{chr(0)}guess-{n}')}",
            "S: 535 5.7.8 Error: authentication failed",
        )
        s.close()
    return [frame for _, frame in wire.frames]


class Running:
    def __init__(self, stack, exporters, config):
        if INSIDE not in os.environ:
            raise Skip("only root has a network of its own")
        self.stack, self.sources = stack, 0
        self.path = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="e2e-")))
        self.out, self.config = self.path / "out", self.path / "smtap.yaml"
        self.configure(exporters, config)
        ip("link", "add", "tap0", "type", "veth", "peer", "name", "tap1")
        stack.callback(ip, "link", "del", "tap0")
        for end in ("tap0", "tap1"):
            ip("link", "set", end, "up")
        self.wire = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        self.wire.bind(("tap0", 0))
        self.start()

    def configure(self, exporters, config=""):
        """The configuration; it counts from the next start, or SIGHUP."""
        shown = f"exporters:\n{exporters}" if exporters else ""
        folder = f"output:\n  directory: {self.out}\n"
        self.config.write_text(f"stats:\n  interval: 1s\n{folder}{config}{shown}")

    def start(self):
        out = self.stack.enter_context(open(self.path / "said", "a", encoding="utf-8"))
        self.process = subprocess.Popen(
            [*harness.PROGRAM, "run", "-c", self.config, "-i", "tap1"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        self.stack.callback(self.end)
        self.until("the port and control", self.is_ready)

    def is_ready(self):
        expect(self.process.poll() is None, f"smtap run ended: {self.said()}")
        return self.lines('"event_type":"stats"')

    def until(self, what, condition):
        until(what, condition, self.said)

    def said(self):
        return (self.path / "said").read_text()

    def lines(self, word):
        with contextlib.suppress(OSError):
            lines = (self.out / "eve.json").read_text().split("\n")[:-1]
            return [line for line in lines if word in line]
        return []

    def alerts(self):
        return self.lines('"event_type":"alert"')

    def attack(self, sources):
        """More sources guess; returns when each has an alert."""
        want = []
        for _ in range(sources):
            self.sources += 1
            want.append(f'"src_ip":"198.51.100.{self.sources}"')
            for frame in guesses(self.sources):
                self.wire.send(frame)
        self.until(
            f"alerts of {want}",
            lambda: all(any(w in line for line in self.alerts()) for w in want),
        )

    def pid(self, name):
        """Of one of its daemons; None: it does not run."""
        pids = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        for pid in pids.stdout.split():
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0].endswith(name):
                    return int(pid)
        return None

    def kill(self, name):
        """It is killed, and another is there."""
        old = self.pid(name)
        os.kill(old, signal.SIGKILL)
        self.until(f"another {name}", lambda: self.pid(name) not in (None, old))

    def end(self):
        """Its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE_S)
            finally:
                if self.process.poll() is None:
                    self.process.kill()
                    self.process.wait()
        return self.process.returncode


@contextlib.contextmanager
def running(exporters, config=""):
    """exporters: YAML, indented by two; config: other settings, as maps of their own."""
    with contextlib.ExitStack() as stack:
        yield Running(stack, exporters, config)


def all_of(want, got):
    """Is each of them there? Nothing else may be, and those that come first are in order."""
    first = list(dict.fromkeys(got))
    if set(first) - set(want):
        raise Wrong(f"what was never told: {sorted(set(first) - set(want))[0][:200]}")
    expect(first == [w for w in want if w in set(first)], "the order is another")
    return len(first) == len(want)


class Listener:
    """A program that reads lines from a Unix socket, or does not."""

    def __init__(self, path):
        self.path, self.got, self.socket, self.connections = str(path), [], None, []

    def up(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen()
        threading.Thread(target=self.accept, args=(self.socket,), daemon=True).start()

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                self.connections.append(connection)
                threading.Thread(target=self.read, args=(connection,), daemon=True).start()

    def read(self, connection):
        with contextlib.suppress(OSError), connection.makefile(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    self.got.append(line[:-1])

    def down(self):
        for s in (self.socket, *self.connections):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()
        self.connections = []
        os.unlink(self.path)
