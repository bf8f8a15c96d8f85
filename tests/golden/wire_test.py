#!/usr/bin/env python3
"""One dialogue after what the wire, or who writes on it, did to it: the same attempts and findings.

usage: wire_test.py SMTAP [TEXT]   (prints TAP; TEXT: writings with it in their name alone)

wire_writings.py has the writings. Each is done to the bundled capture and, where it is there, to
the one of ../shared/corpus that is IPv6.
"""
import pathlib
import random
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from formats import ETHERNET, pcap  # noqa: E402
from golden import GOLDEN, SHARED, Replay, Tap, difference, side_by_side  # noqa: E402
from rewrite_test import read_pcap  # noqa: E402
from segments import Segment  # noqa: E402
from wire_writings import WRITINGS, other_ports  # noqa: E402

BUNDLED = GOLDEN / "17-base-bf-success-relay.pcap"
V6 = SHARED / "corpus" / "16a-ipv6-hydra-login-postfix.pcap"
OF_V6 = ("v6_extensions", "v6_fragments_after_options", "fragments_backwards")
MINE = ("exposure",)  # of sessions: what these show, and when, moves with their frames


def is_tcp(frame):
    return frame[23] == 6 if frame[12:14] == b"\x08\x00" else frame[20] == 6


class Dialogue:
    """A capture, and what a replay of it as it is says."""

    def __init__(self, smtap, path):
        self.smtap, self.name = smtap, path.stem
        frames = [(ns, f) for ns, f in read_pcap(path) if is_tcp(f)]
        self.segments = [Segment(ns, f) for ns, f in frames]
        self.frames = [f for _, f in frames]
        self.original = Replay(smtap, [path])

    def rewritten(self, writing):
        rng = random.Random(f"{self.name} {writing.__name__}")
        written = [
            x if isinstance(x, tuple) else (x.ns, x.frame()) for x in writing(self.segments, rng)
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "in.pcap")
            path.write_bytes(pcap(written, ETHERNET))
            return Replay(self.smtap, [path])


def accounts(run):
    """Attempts without their ports."""
    return sorted(
        (
            e["src_ip"],
            e["dest_ip"],
            e["smtp_auth"]["mechanism"],
            str(e["smtp_auth"].get("username")),
            e["smtp_auth"]["outcome"],
        )
        for e in run.events
        if e["event_type"] == "smtp_auth"
    )


def findings(run):
    return [f for f in run.findings(sessions=False) if not any(m in f for m in MINE)]


def examine(dialogue, writing):
    run, original = dialogue.rewritten(writing), dialogue.original
    if run.status:
        return [f"exit status {run.status}: {run.stderr.strip()}"]
    tell = accounts if writing is other_ports else Replay.attempts
    return difference(tell(run), tell(original)) + difference(findings(run), findings(original))


def main():
    smtap, tap = sys.argv[1], Tap()
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    dialogues = [Dialogue(smtap, path) for path in (BUNDLED, V6) if path.exists()]
    for d in dialogues:
        same = [s.frame() == f for s, f in zip(d.segments, d.frames)]
        tap.point(
            f"{d.name}: put together again it is the same",
            [] if all(same) else [f"frame {same.index(False)} is not"],
        )
    if not V6.exists():
        tap.skip("IPv6", "no ../shared/corpus: the bundled capture alone")
    works = [
        (d, w)
        for d in dialogues
        for w in (*WRITINGS, other_ports)
        if only in w.__name__ and (d.name == BUNDLED.stem or w.__name__ in OF_V6)
    ]
    results = side_by_side(lambda work: examine(*work), works)
    for (d, w), off in zip(works, results):
        tap.point(f"{d.name}: {w.__name__}", off)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
