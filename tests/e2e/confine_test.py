#!/usr/bin/env python3
"""Daemons that are started one by one, each as its own user, and what they cannot do.

usage: confine_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import contextlib
import json
import os
import pathlib
import pwd
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

import harness
from harness import Skip, Wrong, case, expect, main

DEADLINE_S = 60
DATAPLANE_USER, CONTROL_USER = "nobody", "daemon"
CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF = 12, 13, 39


def program(name):
    return str(pathlib.Path(harness.PROGRAM[0]).parent / name)


def until(what, condition):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"{what}: not within {DEADLINE_S} s")
        select.select([], [], [], 0.05)


class Alone:
    """A folder for both, a configuration, and the daemons as processes of ours."""

    def __init__(self, stack):
        if os.geteuid() != 0:
            raise Skip("only root may become another user")
        self.stack = stack
        self.prefix = []  # of each daemon's command
        # Both users have to reach it.
        self.path = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="e2e-")))
        self.path.chmod(0o755)
        self.out = self.path / "out"
        self.out.mkdir()
        os.chown(self.out, pwd.getpwnam(CONTROL_USER).pw_uid, -1)
        self.socket = self.path / "dataplane.sock"
        # A port that exists wherever DPDK does.
        self.configuration = self.path / "smtap.yaml"
        self.configuration.write_text(
            f"dataplane:\n  socket: {self.socket}\n  user: {DATAPLANE_USER}\n"
            f"control:\n  user: {CONTROL_USER}\n"
            f"output:\n  directory: {self.out}\n"
            "stats:\n  interval: 1s\n"
        )

    def start(self, name, *more):
        said = open(self.path / f"{name}.{time.monotonic_ns()}", "w+")
        self.stack.callback(said.close)
        child = subprocess.Popen(
            [*self.prefix, program(name), "--live", "-c", str(self.configuration), *more],
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        child.said = lambda: pathlib.Path(said.name).read_text()
        self.stack.callback(self.end, child)
        return child

    @staticmethod
    def end(child):
        if child.poll() is None:
            child.kill()
            child.wait()

    def dataplane(self, interface="net_null0"):
        child = self.start("smtap-dataplane", "--interface", interface)
        until("the dataplane's port", lambda: "is up" in child.said() or child.poll() is not None)
        expect(child.poll() is None, child.said())
        return child

    def control(self):
        return self.start("smtap-control")

    def packets(self):
        """As the newest stats line has it."""
        with contextlib.suppress(OSError):
            lines = (self.out / "eve.json").read_text().splitlines()
            stats = [json.loads(x) for x in lines if '"event_type": "stats"' in x or '"stats"' in x]
            for e in reversed(stats):
                if e.get("event_type") == "stats":
                    return find(e, "rx_packets") or 0
        return 0


def find(node, key):
    """The first value of that key, wherever it is."""
    if isinstance(node, dict):
        if key in node:
            return node[key]
        node = list(node.values())
    for child in node if isinstance(node, list) else []:
        found = find(child, key)
        if found is not None:
            return found
    return None


def status(pid, key, task=None):
    where = f"/proc/{pid}/task/{task}/status" if task else f"/proc/{pid}/status"
    for line in pathlib.Path(where).read_text().splitlines():
        if line.startswith(key + ":"):
            return line.split(":")[1].split()
    raise Wrong(f"{where} has no {key}")


def stop(child):
    child.send_signal(signal.SIGTERM)
    child.wait(DEADLINE_S)
    return child.returncode


@contextlib.contextmanager
def alone():
    with contextlib.ExitStack() as stack:
        yield Alone(stack)


@case
def daemons_started_one_by_one_meet_whichever_comes_first():
    with alone() as a:
        control = a.control()
        until("control's word", lambda: "waits for a dataplane" in control.said())
        dataplane = a.dataplane()
        until("packets", lambda: a.packets() > 0)
        expect(stop(dataplane) == 0, dataplane.said())
        expect(control.poll() is None, f"control ended with its dataplane: {control.said()}")
        before = a.packets()
        a.dataplane()
        until("packets of the second", lambda: a.packets() > before)
        expect(stop(control) == 0, control.said())


@case
def control_that_ends_is_followed_by_another():
    with alone() as a:
        dataplane, control = a.dataplane(), a.control()
        until("packets", lambda: a.packets() > 0)
        control.kill()
        control.wait()
        seen = a.packets()
        second = a.control()
        until("packets of the second", lambda: a.packets() > seen)
        expect(dataplane.poll() is None, dataplane.said())
        expect(stop(second) == 0, second.said())


@case
def each_is_another_user_without_rights():
    with alone() as a:
        dataplane, control = a.dataplane(), a.control()
        until("packets", lambda: a.packets() > 0)
        for child, name in ((dataplane, DATAPLANE_USER), (control, CONTROL_USER)):
            uid = str(pwd.getpwnam(name).pw_uid)
            expect(status(child.pid, "Uid") == [uid] * 4, f"{name}: {status(child.pid, 'Uid')}")
            for task in os.listdir(f"/proc/{child.pid}/task"):
                for key in ("CapEff", "CapPrm", "CapAmb"):
                    bits = int(status(child.pid, key, task)[0], 16)
                    expect(bits == 0, f"{name} has {key} {bits:x} in a thread")
                expect(status(child.pid, "NoNewPrivs", task) == ["1"], "new privileges")
                expect(status(child.pid, "Seccomp", task) == ["2"], "any system call")


@contextlib.contextmanager
def network(a):
    """One of its own for the daemons of a, and how to run ip(8) in it."""
    name = f"e2e-confine-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        a.prefix = ["nsenter", f"--net=/run/netns/{name}"]
        # Not ip -n, which wants mounts of its own, and has none in a chroot.
        yield lambda *words: subprocess.run([*a.prefix, "ip", *words], check=True)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@case
def interface_that_comes_back_is_opened_by_another_user():
    with alone() as a, network(a) as ip:
        pair = ("link", "add", "tap0", "up", "type", "veth", "peer", "name", "tap1")
        ip(*pair)
        ip("link", "set", "tap1", "up")
        # What a user may lock is little; the limit of the unit is not everyone's.
        a.prefix += ["prlimit", "--memlock=65536:65536"]
        dataplane = a.dataplane("tap1")
        control = a.control()
        until("control's events", (a.out / "eve.json").exists)
        uid = str(pwd.getpwnam(DATAPLANE_USER).pw_uid)
        until("the other user", lambda: status(dataplane.pid, "Uid")[0] == uid)
        ip("link", "del", "tap0")
        until("its end", lambda: "was taken away" in dataplane.said())
        ip(*pair)
        ip("link", "set", "tap1", "up")
        until("its return", lambda: "tap1 is back" in dataplane.said())
        expect(stop(control) == 0 and stop(dataplane) == 0, dataplane.said() + control.said())


@case
def without_the_lists_of_calls_nothing_gets_more_rights_either():
    with alone() as a:
        text = a.configuration.read_text()
        a.configuration.write_text(text + "confine:\n  system_calls: false\n")
        dataplane, control = a.dataplane(), a.control()
        until("packets", lambda: a.packets() > 0)
        for child in (dataplane, control):
            for task in os.listdir(f"/proc/{child.pid}/task"):
                expect(status(child.pid, "NoNewPrivs", task) == ["1"], "new privileges")
                expect(status(child.pid, "Seccomp", task) == ["0"], "the lists hold")


@case
def control_has_no_network_socket():
    with alone() as a:
        a.dataplane()
        control = a.control()
        until("packets", lambda: a.packets() > 0)
        table = pathlib.Path(f"/proc/{control.pid}/net/unix").read_text()
        unix = {line.split()[6] for line in table.splitlines()[1:]}
        for fd in os.listdir(f"/proc/{control.pid}/fd"):
            with contextlib.suppress(OSError):
                to = os.readlink(f"/proc/{control.pid}/fd/{fd}")
                if to.startswith("socket:"):
                    expect(to[8:-1] in unix, f"{to} is no Unix socket")


@case
def socket_for_exporters_is_for_the_group_of_their_user():
    with alone() as a:
        text = a.configuration.read_text().replace(f"control:\n  user: {CONTROL_USER}\n", "")
        a.configuration.write_text(text + "export:\n  user: games\n")
        a.control()
        path = a.out / "export.sock"
        until("the socket", path.exists)
        until("its group", lambda: path.stat().st_gid == pwd.getpwnam("games").pw_gid)
        expect(path.stat().st_mode & 0o777 == 0o660, oct(path.stat().st_mode))


@case
def control_outside_that_group_says_so_and_goes_on():
    with alone() as a:
        a.configuration.write_text(a.configuration.read_text() + "export:\n  user: games\n")
        control = a.control()
        until("a word", lambda: "has to be in the group of games" in control.said())
        a.dataplane()
        until("packets", lambda: a.packets() > 0)


@case
def nobody_else_gets_the_rings():
    with alone() as a:
        a.dataplane()
        # The socket's own rights keep most away; the dataplane asks the kernel about the rest.
        expect(a.socket.stat().st_mode & 0o7 == 0, "anybody may connect")
        a.socket.chmod(0o666)
        pid = os.fork()
        if pid == 0:
            os.setuid(pwd.getpwnam("games").pw_uid)
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.settimeout(DEADLINE_S)
            try:
                s.connect(str(a.socket))
                got = len(s.recv(65536))
            except ConnectionResetError:
                got = 0
            except OSError:
                got = 2
            os._exit(got > 0)
        expect(os.waitpid(pid, 0)[1] == 0, "a stranger got an offer")


@case
def second_dataplane_is_told_in_a_line():
    with alone() as a:
        a.dataplane()
        second = a.start("smtap-dataplane", "--interface", "net_null0")
        expect(second.wait(DEADLINE_S) == 2, second.said())
        expect("another dataplane listens there" in second.said(), second.said())


@case
def second_control_does_not_take_over():
    with alone() as a:
        a.dataplane()
        a.control()
        until("packets", lambda: a.packets() > 0)
        second = a.start("smtap-control")
        expect(second.wait(DEADLINE_S) == 2, second.said())
        seen = a.packets()
        until("packets of the first", lambda: a.packets() > seen)


@case
def user_that_is_not_there_is_told_in_a_line():
    with alone() as a:
        text = a.configuration.read_text().replace(CONTROL_USER, "no-such-user")
        a.configuration.write_text(text)
        control = a.control()
        expect(control.wait(DEADLINE_S) == 2, control.said())
        expect("control.user: user no-such-user: there is none" in control.said(), control.said())


if __name__ == "__main__":
    sys.exit(main())
