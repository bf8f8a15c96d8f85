#!/usr/bin/env python3
"""What a service manager hears of the daemons of a live run (sd_notify).

usage: notify_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

import harness
from harness import case, expect, expect_status, folder, main, replay

PORT = "net_null0,no-rx=1"  # there for everyone, and brings nothing
DEADLINE_S = 60


class Manager:
    """The socket of a service manager, and who said what on it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("")  # the kernel gives it a name
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.name = "@" + self.socket.getsockname()[1:].decode()
        self.until = time.monotonic() + DEADLINE_S

    def hear(self):
        """(program, words) of the next message."""
        left = self.until - time.monotonic()
        expect(left > 0 and select.select([self.socket], [], [], left)[0], "nothing was said")
        text, extra, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12))
        pid = struct.unpack("3i", extra[0][2])[0]
        return self.program(pid), text.decode().splitlines()

    def program(self, pid):
        try:
            with open(f"/proc/{pid}/comm") as f:
                return f.read().strip()
        except FileNotFoundError:
            return "gone"

    def await_all(self, wanted):
        """Until each (program, word) was heard; all that was heard."""
        heard = []
        while not wanted <= set(heard):
            program, words = self.hear()
            heard += [(program, w) for w in words]
        return heard


@contextlib.contextmanager
def run(f, watchdog_s, *args):
    manager = Manager()
    env = dict(os.environ, NOTIFY_SOCKET=manager.name, WATCHDOG_USEC=str(watchdog_s * 1000000))
    env.pop("WATCHDOG_PID", None)
    with open(f.path / "said", "w") as said:
        smtap = subprocess.Popen(
            [*harness.PROGRAM, "run", "-i", PORT, "-o", f.output(), *args],
            env=env,
            stdout=said,
            stderr=said,
        )
    try:
        yield smtap, manager
    finally:
        smtap.terminate()
        smtap.wait(DEADLINE_S)


def pid_of(smtap, name):
    pids = subprocess.run(["pgrep", "-P", str(smtap.pid)], capture_output=True, text=True).stdout
    for pid in pids.split():
        with open(f"/proc/{pid}/comm") as f:
            if f.read().strip() == name:
                return int(pid)
    raise harness.Wrong(f"no {name}")


BOTH = ("smtap-dataplane", "smtap-control")


@case
def both_say_that_they_are_ready_and_that_they_are_alive_and_that_they_stop():
    with folder() as f, run(f, 2, "--workers", "2") as (smtap, manager):
        heard = manager.await_all({(p, w) for p in BOTH for w in ("READY=1", "WATCHDOG=1")})
        for program in BOTH:
            words = [w for p, w in heard if p == program and not w.startswith("STATUS=")]
            expect(words[0] == "READY=1", f"{program}: {words}")
        smtap.send_signal(signal.SIGTERM)
        manager.await_all({(p, "STOPPING=1") for p in BOTH})


@case
def one_that_hangs_is_silent_and_the_other_is_not():
    with folder() as f, run(f, 2) as (smtap, manager):
        manager.await_all({(p, "WATCHDOG=1") for p in BOTH})
        pid = pid_of(smtap, "smtap-control")
        os.kill(pid, signal.SIGSTOP)
        try:
            # What it said before may still be on its way.
            manager.await_all({("smtap-dataplane", "WATCHDOG=1")})
            heard = []
            while heard.count(("smtap-dataplane", "WATCHDOG=1")) < 3:
                program, words = manager.hear()
                heard += [(program, w) for w in words]
            expect(all(p != "smtap-control" for p, _ in heard), heard)
        finally:
            os.kill(pid, signal.SIGCONT)
        manager.await_all({("smtap-control", "WATCHDOG=1")})


@case
def a_replay_is_no_service():
    with folder() as f:
        manager = Manager()
        env = dict(os.environ, NOTIFY_SOCKET=manager.name)
        expect_status(replay("-o", f.output(), f.capture, env=env), 0)
        expect(not select.select([manager.socket], [], [], 0)[0], "something was said")


sys.exit(main())
