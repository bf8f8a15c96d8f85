#!/usr/bin/env python3
"""What the two daemons do when they do not fit, and when time does not.

usage: life_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import array
import contextlib
import os
import pathlib
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from formats import pcap  # noqa: E402
from harness import (  # noqa: E402
    PROGRAM,
    case,
    events,
    expect,
    expect_status,
    folder,
    main,
    replay,
    smtap,
)
from running import until  # noqa: E402

HELLO = struct.Struct("<Q10I16s64Q160s")  # contract/hello.h
FIELDS = ["magic", "version", "kind", "event_version", "event_bytes", "ring_version"]
FIELDS += ["ring_header_bytes", "counters_version", "counter_count"]


@case
def a_stamp_that_leaps_neither_ends_nor_freezes_anything():
    """One packet of the attack is stamped a year ahead, or an hour back: the same incident."""
    with folder() as f:
        expect_status(replay(f.capture, "-o", f.output()), 0)
        want = told(f.eve())
        for off_s in (365 * 86400, 7200, -3600):
            frames = list(f.frames)
            ns, frame = frames[150]
            frames[150] = (ns + off_s * 10**9, frame)
            path = f.put(f"off{off_s}.pcap", pcap(frames, 1))
            r = replay(path, "-o", f.output(f"off{off_s}"))
            expect_status(r, 0)
            expect(("is not believed" in r.stderr) == (off_s > 0), f"{off_s}: {r.stderr}")
            got = told(f.eve(f"off{off_s}"))
            expect(got == want, f"{off_s} s: {got}, not {want}")


def told(text):
    """Findings, how they ended, and when they were seen first."""
    last = {e["smtap"]["finding_id"]: e["smtap"] for e in events(text, "alert")}
    keys = "detector subject finding_state attempts failures successes first_seen".split()
    return [[a[k] for k in keys] for _, a in sorted(last.items())]


def daemon(name, sock, *args):
    fd = sock.fileno()
    return subprocess.Popen(
        [str(pathlib.Path(PROGRAM[0]).parent / name), *args],
        pass_fds=[fd],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def between(f):
    """Both daemons, and us between them: what goes to whom is ours to pass on."""
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for pair in pairs:
            for end in pair:
                stack.enter_context(end)
        fds = [str(pair[1].fileno()) for pair in pairs]
        dataplane = daemon("smtap-dataplane", pairs[0][1], "--control-fd", fds[0], f.capture)
        control = daemon("smtap-control", pairs[1][1], "--dataplane-fd", fds[1], "-o", f.output())
        for pair in pairs:
            pair[1].close()
        yield dataplane, control, pairs[0][0], pairs[1][0]
        for process in (dataplane, control):
            process.kill()
            process.communicate()


def receive(sock):
    data, ancillary, _, _ = sock.recvmsg(HELLO.size + 1, 4096)
    fds = array.array("i")
    for _, _, more in ancillary:
        fds.frombytes(more[: len(more) - len(more) % fds.itemsize])
    return data, fds


def refused(name):
    """What control answers to an offer in which that number is another, and what both say."""
    with folder() as f, between(f) as (dataplane, control, to_dataplane, to_control):
        data, fds = receive(to_dataplane)
        values = list(HELLO.unpack(data))
        ours = values[FIELDS.index(name)]
        values[FIELDS.index(name)] = ours + 90
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
        to_control.sendmsg([HELLO.pack(*values)], rights)
        answer, _ = receive(to_control)
        to_dataplane.send(answer)
        for fd in fds:
            os.close(fd)
        said = [p.communicate(timeout=30)[1].splitlines() for p in (control, dataplane)]
        return ours, said, control.returncode, dataplane.returncode


@case
def daemons_of_different_contracts_refuse_each_other_in_one_line():
    words = {
        "version": "handshake version",
        "event_version": "event version",
        "event_bytes": "event size",
        "ring_version": "ring version",
        "ring_header_bytes": "ring header size",
        "counters_version": "counters version",
        "counter_count": "number of counters",
    }
    for name, word in words.items():
        ours, said, control, dataplane = refused(name)
        line = (
            f"{word}: smtap-dataplane has {ours + 90}, smtap-control has {ours}; "
            "install the same version of both"
        )
        expect(control == 1 and dataplane == 1, f"{name}: statuses {control} and {dataplane}")
        expect([len(s) for s in said] == [1, 1], f"{name}: {said}")
        expect(line in said[0][0], f"control says {said[0]}, not {line}")
        expect(line in said[1][0], f"the dataplane says {said[1]}, not {line}")
        expect("control refused the rings" in said[1][0], f"{said[1]}")


SWAP_BYTES, SWAP_RESULT, SWAP_WHY = 536, 48, 56  # contract/swap.h


class Relay:
    """Stands where the dataplane listens, and changes what it answers."""

    def __init__(self, stack, path, to):
        self.path, self.to, self.change = str(path), str(to), lambda data: data
        self.server = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        self.server.bind(self.path)
        self.server.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            control = self.server.accept()[0]
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dataplane, control:
                dataplane.connect(self.to)
                while self.passed(control, dataplane):
                    pass

    def passed(self, *both):
        for one in select.select(both, [], [])[0]:
            data, fds = receive(one)
            if not data:
                return False
            data = self.change(data) if one is both[1] and len(data) == SWAP_BYTES else data
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else []
            both[one is both[0]].sendmsg([data], rights)
            for fd in fds:
                os.close(fd)
        return True


ADDED = """
- id: 10001
  context: command
  role: signature
  name: 'a client of ours'
  expression: '^EHLO client\\.example'
  why: 'a test'
  match: 'EHLO client.example'
  no_match: 'EHLO other.example'
  category: 'Misc activity'
  severity: 3
"""


@contextlib.contextmanager
def apart(f, stack):
    """Each daemon alone, and a relay between them: the relay, and how to reload with patterns."""
    built = pathlib.Path(PROGRAM[0]).parent
    folders = [f.path / "first", f.path / "second"]
    for folder_of in folders:
        shutil.copytree(built / "patterns", folder_of)
    with open(folders[1] / "command.yaml", "a", encoding="utf-8") as file:
        file.write(ADDED)
    files = [str(p) for p in sorted(folders[1].glob("*.yaml"))]
    subprocess.run([built / "patterns/smtap-patterns", "-o", folders[1], *files], check=True)

    def configure(which):
        for name in ("real", "relay"):
            f.put(
                f"{name}.yaml",
                f"dataplane:\n  socket: {f.path}/{name}\n  interfaces: ['net_null0,no-rx=1']\n"
                f"output:\n  directory: {f.output()}\nstats:\n  interval: 1s\n"
                f"patterns:\n  directory: {folders[which]}\n".encode(),
            )

    def reload(which):
        configure(which)
        return smtap("reload", "-o", f.output())

    configure(0)
    relay = Relay(stack, f.path / "relay", f.path / "real")
    for name, config in (("smtap-dataplane", "real"), ("smtap-control", "relay")):
        process = stack.enter_context(
            subprocess.Popen(
                [built / name, "--live", "-c", f.path / f"{config}.yaml"],
                stdout=subprocess.DEVNULL,
            )
        )
        stack.callback(process.kill)
    eve = f.path / "out/eve.json"
    until("both", lambda: eve.exists() and '"stats"' in eve.read_text())
    yield relay, reload


@case
def an_answer_of_the_dataplane_that_cannot_be_shown_is_no_silence():
    """Control once took it for none, and waited for 20 s."""
    with folder() as f, contextlib.ExitStack() as stack, apart(f, stack) as (relay, reload):

        def refuses(data):
            head = data[:SWAP_RESULT] + struct.pack("<iI", -22, 0)
            return head + b"no room in /\x1b[31m\xff".ljust(SWAP_BYTES - SWAP_WHY, b"\0")

        relay.change = refuses
        r = reload(1)
        expect_status(r, 2)
        expect("no room in /\\x1B[31m\\xFF" in r.stderr, r.stderr)
        relay.change = lambda data: b"\xff" * len(data)
        r = reload(1)
        expect_status(r, 0)
        expect("the dataplane's answer made no sense" in r.stdout, r.stdout)
        relay.change = lambda data: data
        expect_status(reload(0), 0)
        r = reload(1)
        expect_status(r, 0)
        expect("new in the dataplane" in r.stdout, r.stdout)


if __name__ == "__main__":
    sys.exit(main())
