"""Scripted captures, each a case: a function that draws on a Wire and returns the alerts that must
come of it, and no other may."""
import pathlib
import tempfile

from golden import Replay
from pcapgen import Wire


def run(smtap, function, may, workers):
    wire = Wire()
    must = function(wire)
    with tempfile.TemporaryDirectory() as folder:
        capture = pathlib.Path(folder, "in.pcap")
        wire.write(capture)
        replay = Replay(smtap, [capture], workers)
    if replay.status:
        return [f"exit status {replay.status}: {replay.stderr.strip()}"]
    told = [e["smtap"] for e in replay.events if e["event_type"] == "alert"]
    off = []
    for detector, kind, subject, fields in must:
        who = {"detector": detector, "subject_type": kind, "subject": subject, **fields}
        if not any(all(t.get(k) == v for k, v in who.items()) for t in told):
            off.append(f"missed {who}")
    named = {m[:3] for m in must}
    for t in told:
        who = (t["detector"], t["subject_type"], t["subject"])
        if who not in named and t["detector"] not in may:
            off.append(f"false alert {who}")
    # As many findings as the case names: one that is told twice is two.
    ids = {t["finding_id"] for t in told if t["detector"] not in may}
    if not off and len(ids) != len(must):
        off.append(f"{len(ids)} findings, not {len(must)}")
    return off


class Cases:
    """All cases of a test."""

    def __init__(self):
        self.all = []

    def case(self, may=()):
        """may: detectors that may alert besides."""

        def add(function):
            self.all.append((function, set(may)))
            return function

        return add

    def main(self, smtap, word=""):
        """Those with the word in their name, in TAP. Returns the exit status."""
        chosen = [(f, may) for f, may in self.all if word in f.__name__]
        print(f"1..{len(chosen)}")
        bad = 0
        for number, (function, may) in enumerate(chosen, 1):
            off = run(smtap, function, may, 1 + number % 2)
            bad += bool(off)
            print(f"{'not ok' if off else 'ok'} {number} - {function.__name__}", flush=True)
            for line in off:
                print(f"# {line}")
        return bad > 0
