#!/usr/bin/env python3
"""What the two daemons do when they do not fit, and when time does not.

usage: life_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import array
import contextlib
import os
import pathlib
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from formats import pcap  # noqa: E402
from harness import PROGRAM, case, events, expect, expect_status, folder, main, replay  # noqa: E402

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


if __name__ == "__main__":
    sys.exit(main())
