"""What the tests of `smtap replay` share: a capture to replay, running smtap, cases, TAP."""
import base64
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from formats import pcap  # noqa: E402
from pcapgen import Session, Wire  # noqa: E402

PROGRAM = []  # the smtap to test, as main() was told
CASES = []


def case(function):
    CASES.append(function)
    return function


class Wrong(Exception):
    """What a case found."""


class Skip(Exception):
    """What a case lacks."""


def expect(condition, what):
    if not condition:
        raise Wrong(what)


def b64(text):
    return base64.b64encode(text.encode()).decode()


def attack(pause_s=0.0):
    """One source guesses 24 passwords of one account, then knows; another, on IPv6, tries twice."""
    wire = Wire()
    for n in range(25):
        s = Session(wire, "198.51.100.7", sport=40000 + n).open()
        s.talk("S: 220 mx1.corp.example ESMTP Postfix", "C: EHLO client.example",
               "S: 250-mx1.corp.example\r\n250 AUTH LOGIN PLAIN",
               "C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", f"C: {b64('dave')}",
               "S: 334 UGFzc3dvcmQ6", f"C: {b64(f'guess-{n}')}",
               "S: 535 5.7.8 Error: authentication failed: bad password" if n < 24 else
               "S: 235 2.7.0 Authentication successful")
        s.close()
        wire.wait(2)
    wire.wait(pause_s)
    for n in range(2):
        s = Session(wire, f"2001:db8:bad::{n + 1}", "2001:db8:5::25", sport=50000 + n).open()
        s.talk("S: 220 mx2.corp.example ESMTP",
               f"C: AUTH PLAIN {b64(chr(0) + 'eve' + chr(0) + 'guess')}", "S: 535 5.7.8 no")
        s.close()
        wire.wait(1)
    return wire


class Folder:
    """A scratch folder with a capture in it."""

    def __init__(self, path, pause_s=0.0):
        self.path = pathlib.Path(path)
        self.frames = attack(pause_s).frames
        self.capture = self.put("in.pcap", pcap(self.frames, 1))

    def put(self, name, data):
        path = self.path / name
        path.write_bytes(data)
        return str(path)

    def output(self, name="out"):
        return str(self.path / name)

    def eve(self, name="out"):
        return (self.path / name / "eve.json").read_text()


@contextlib.contextmanager
def folder(pause_s=0.0):
    with tempfile.TemporaryDirectory(prefix="e2e-") as path:
        yield Folder(path, pause_s)


def smtap(*args, **kw):
    return subprocess.run([*PROGRAM, *args], capture_output=True, text=True, timeout=60, **kw)


def replay(*args, **kw):
    return smtap("replay", *args, **kw)


def events(text, *kinds):
    out = [json.loads(line) for line in text.splitlines()]
    return [e for e in out if not kinds or e["event_type"] in kinds]


def facts(text):
    """What a capture's format must not change: all but the counters."""
    return [line for line in text.splitlines() if json.loads(line)["event_type"] != "stats"]


def expect_status(r, status):
    said = r.stderr.strip()[:300]
    expect(r.returncode == status, f"exit status {r.returncode}, not {status}: {said}")


def expect_one_line(r, status, *words):
    expect_status(r, status)
    lines = r.stderr.splitlines()
    ours = len(lines) == 1 and re.match(r"smtap[a-z-]*: ", lines[0])
    expect(ours, f"not one line of ours: {lines}")
    for word in words:
        expect(word in lines[0], f"{word!r} is not in {lines[0]!r}")


def main():
    """usage: THE-TEST SMTAP [PART-OF-A-NAME]"""
    PROGRAM[:] = [os.path.abspath(sys.argv[1])]
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    chosen = [c for c in CASES if only in c.__name__]
    failed = 0
    print(f"1..{len(chosen)}")
    for number, function in enumerate(chosen, 1):
        try:
            function()
            print(f"ok {number} - {function.__name__}", flush=True)
        except Skip as e:
            print(f"ok {number} - {function.__name__} # SKIP {e}", flush=True)
        except (Wrong, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as e:
            failed += 1
            print(f"not ok {number} - {function.__name__}\n# {type(e).__name__}: {e}", flush=True)
    return failed > 0
