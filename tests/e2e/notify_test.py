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
from running import until

PORT = "net_null0,no-rx=1"  # there for everyone, and brings nothing
DEADLINE_S = 60


class Manager:
    """The socket of a service manager, and who said what on it: smtap alone, for its daemons."""

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


SMTAP = "smtap"


@case
def it_is_ready_when_both_are_and_alive_while_both_are_and_stops_for_both():
    with folder() as f, run(f, 2, "--workers", "2") as (smtap, manager):
        heard = manager.await_all({(SMTAP, "READY=1"), (SMTAP, "WATCHDOG=1")})
        expect({p for p, _ in heard} == {SMTAP}, f"others spoke: {heard}")
        statuses = [w for _, w in heard if w.startswith("STATUS=")]
        while not ("dataplane: 2 workers" in statuses[-1] and "control: 0 pack" in statuses[-1]):
            statuses += [w for w in manager.hear()[1] if w.startswith("STATUS=")]
        smtap.send_signal(signal.SIGTERM)
        manager.await_all({(SMTAP, "STOPPING=1")})


@case
def it_is_not_ready_while_control_is_not():
    """A dataplane alone is not enough: control cannot make its folder."""
    with folder() as f:
        f.put("out", b"")
        with run(f, 2, "-o", str(f.path / "out")) as (_, manager):
            heard = manager.await_all({(SMTAP, "STOPPING=1")})
            expect((SMTAP, "READY=1") not in heard, heard)


@case
def it_is_alive_while_control_is_started_again():
    with folder() as f, run(f, 2) as (smtap, manager):
        manager.await_all({(SMTAP, "READY=1"), (SMTAP, "WATCHDOG=1")})
        os.kill(pid_of(smtap, "smtap-control"), signal.SIGKILL)
        statuses = []
        while not any("control: does not run" in w for w in statuses):
            statuses += manager.hear()[1]
        manager.await_all({(SMTAP, "WATCHDOG=1")})
        expect(pid_of(smtap, "smtap-control") > 0, "it is not there")


@case
def a_reload_begins_and_ends():
    with folder() as f, run(f, 2) as (_, manager):
        manager.await_all({(SMTAP, "READY=1")})
        r = subprocess.run([*harness.PROGRAM, "reload", "-o", f.output()], capture_output=True)
        expect(r.returncode == 0, r.stderr)
        words = [w for _, w in manager.await_all({(SMTAP, "READY=1")})]
        expect(
            "RELOADING=1" in words and words.index("RELOADING=1") < words.index("READY=1"), words
        )
        expect(any(w.startswith("MONOTONIC_USEC=") for w in words), words)


@case
def without_a_manager_who_hangs_is_killed_and_starts_again():
    env = dict(os.environ, WATCHDOG_USEC="3000000")
    for name in ("NOTIFY_SOCKET", "WATCHDOG_PID"):
        env.pop(name, None)
    with folder() as f, open(f.path / "said", "w") as out:
        begins = "smtap-export: exporters.mine: a dry run"
        exporters = "exporters:\n  mine: {type: blocklist, output: text, path: %s}\n"
        config = f.put(
            "fast.yaml", ("stats:\n  interval: 1s\n" + exporters % (f.path / "mine")).encode()
        )
        smtap = subprocess.Popen(
            [*harness.PROGRAM, "run", "-c", config, "-i", PORT, "-o", f.output()],
            env=env,
            stdout=out,
            stderr=out,
        )

        def said():
            return (f.path / "said").read_text()

        try:
            eve = f.path / "out" / "eve.json"
            until("all work", lambda: eve.exists() and "stats" in eve.read_text(), said)
            until("exporters, too", lambda: begins in said(), said)
            for name, who, again in (
                ("smtap-dataplane", "the dataplane", "smtap-control: another dataplane is there"),
                ("smtap-control", "control", "smtap-control: goes on with a snapshot"),
                ("smtap-export", "smtap-export", begins),
            ):
                os.kill(pid_of(smtap, name), signal.SIGSTOP)
                words = f"{who} hangs: for 3 s it has not said that it is alive; it is killed"
                until("the line", lambda: words in said(), said)
                before = len(said().partition(words)[0])
                words = f"{who} was killed by signal 9; it starts again in 0 s"
                until("its end", lambda: words in said(), said)
                until("another", lambda: again in said()[before:], said)
        finally:
            smtap.terminate()
            smtap.wait(DEADLINE_S)
        expect(smtap.returncode == 0, said())


@case
def a_replay_is_no_service():
    with folder() as f:
        manager = Manager()
        env = dict(os.environ, NOTIFY_SOCKET=manager.name)
        expect_status(replay("-o", f.output(), f.capture, env=env), 0)
        expect(not select.select([manager.socket], [], [], 0)[0], "something was said")


sys.exit(main())
