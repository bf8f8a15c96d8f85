#!/usr/bin/env python3
"""Rules that suppress findings and allow traffic, from outside.

usage: rules_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from golden import GOLDEN, SHARED  # noqa: E402
from harness import case, events, expect, expect_status, folder, main, replay, smtap  # noqa: E402

try:
    import jsonschema
except ImportError:
    jsonschema = None

# 198.51.100.7 guesses dave's password and then sends through the server.
CAPTURE = str(GOLDEN / "17-base-bf-success-relay.pcap")


class Run:
    """A replay of the capture under these rules."""

    def __init__(self, f, rules, *args, name="out"):
        self.config = f.put(f"{name}.yaml", rules.encode())
        r = replay("-c", self.config, "-o", f.output(name), *args, CAPTURE)
        expect_status(r, 0)
        self.report = r.stdout
        self.text = f.eve(name)
        self.stats = events(self.text, "stats")[0]["smtap"]
        self.counters = self.stats["counters"]

    def told(self):
        return {e["smtap"]["detector"] for e in events(self.text, "alert")}

    def hidden(self):
        return [e["smtap"]["suppressed"] for e in events(self.text, "smtap_suppressed")]


def attacker(f):
    """Who guesses in the capture, and when that was seen last."""
    told = [
        e
        for e in events(Run(f, "{}", name="plain").text, "alert")
        if e["smtap"]["detector"] == "bruteforce"
    ]
    return told[-1]["smtap"]["subject"], told[0]["smtap"]["first_seen"], told[-1]["smtap"]


def rule(what, until="never"):
    return f"suppress:\n  - {what}\n    until: {until}\n    reason: a test of ours\n"


@case
def a_suppressed_finding_is_no_alert_and_is_counted_and_visible():
    with folder() as f:
        source, _, plain = attacker(f)
        run = Run(f, rule(f"source: {source}\n    detector: bruteforce"))
        expect("bruteforce" not in run.told(), f"alerts of {run.told()}")
        expect("compromise" in run.told(), f"only alerts of {run.told()}")
        lines = run.hidden()
        expect(len(lines) == 1, f"{len(lines)} lines of suppressed findings")
        for key in ("detector", "subject", "first_seen", "last_seen", "attempts", "failures"):
            expect(lines[0][key] == plain[key], f"{key}: {lines[0][key]}, not {plain[key]}")
        expect(
            lines[0]["rule"] == {"line": 2, "reason": "a test of ours", "until": "never"},
            lines[0]["rule"],
        )
        done = run.stats["suppress"][0]
        expect(done["line"] == 2 and done["findings"] == 1 and done["sightings"] > 1, done)
        expect(run.counters["suppressed_findings"] == 1, run.counters)
        expect(run.counters["suppressed_sightings"] == done["sightings"], run.counters)
        expect(run.counters["eve_suppressed"] == 1, run.counters)
        for words in (
            "SUPPRESSED: 1 finding by 1 rule",
            "Line 2, until never: a test of ours; 1 finding,",
            f"* bruteforce by {source} (",
        ):
            expect(words in run.report, f"{words!r} is not in the report: {run.report}")


@case
def the_line_of_a_suppressed_finding_does_not_look_like_an_alert():
    with folder() as f:
        source = attacker(f)[0]
        line = events(Run(f, rule(f"source: {source}")).text, "smtap_suppressed")[0]
        expect("alert" not in line, "it has the key alert")
        expect(set(line["smtap"]) == {"suppressed"}, f"smtap has {set(line['smtap'])}")
        schema = SHARED / "schema" / "suricata-eve.schema.json"
        if jsonschema and schema.exists():
            del line["smtap"]
            jsonschema.validate(line, json.loads(schema.read_text()))


@case
def when_all_is_suppressed_the_report_does_not_say_that_nothing_was():
    with folder() as f:
        source = attacker(f)[0]
        every = "detector: [" + ", ".join(sorted(Run(f, "{}").told())) + "]"
        run = Run(f, rule(every))
        expect(not run.told(), f"alerts of {run.told()}")
        expect("What was found is suppressed" in run.report, run.report)
        expect("Nobody was seen" not in run.report, run.report)
        expect(source in run.report, run.report)


@case
def a_rule_whose_end_is_before_the_capture_hides_nothing():
    with folder() as f:
        source, first, _ = attacker(f)
        run = Run(f, rule(f"source: {source}", first[:19] + "Z"))
        expect("bruteforce" in run.told(), f"only alerts of {run.told()}")
        expect(not run.hidden(), "a line of a suppressed finding")
        expect("suppress" not in run.stats and run.counters["suppressed_findings"] == 0, run.stats)
        expect("SUPPRESSED" not in run.report, run.report)
        expect(run.text == Run(f, "{}").text, "the rule changed something else")


@case
def what_is_allowed_is_told_as_events_alone():
    with folder() as f:
        source = attacker(f)[0]
        plain = Run(f, "{}")
        run = Run(f, f"allow:\n  - source: {source}\n    reason: the scanner of ours\n")
        expect("bruteforce" not in run.told(), f"alerts of {run.told()}")
        for kind in ("smtp_auth", "flow", "smtp"):
            expect(
                len(events(run.text, kind)) == len(events(plain.text, kind)),
                f"another number of {kind}",
            )
        done = run.stats["allow"][0]
        expect(
            done
            == {
                "line": 2,
                "reason": "the scanner of ours",
                "until": "never",
                "events": run.counters["allowed_events"],
            },
            done,
        )
        expect(done["events"] > 20, done)
        expect("ALLOWED: " in run.report and "the scanner of ours" in run.report, run.report)


@case
def the_report_in_json_says_it_too():
    with folder() as f:
        source = attacker(f)[0]
        rules = (
            rule(f"source: {source}\n    detector: bruteforce")
            + "allow:\n  - detector: smtp_scan\n    reason: we scan\n"
        )
        report = json.loads(Run(f, rules, "--format", "json").report)
        hidden, allowed = report["suppressed"], report["allowed"]
        expect(hidden["findings"] == 1 and hidden["rules"][0]["findings"] == 1, hidden)
        expect([e["detector"] for e in hidden["evidence"]] == ["bruteforce"], hidden)
        expect(allowed["rules"][0]["events"] == allowed["events"] > 0, allowed)
        told = {e["detector"] for i in report["incidents"] for e in i["evidence"]}
        expect("bruteforce" not in told and told, f"incidents of {told}")


@case
def rules_do_the_same_with_any_number_of_workers():
    with folder() as f:
        source = attacker(f)[0]
        rules = rule(f"source: {source}") + "allow:\n  - detector: exposure\n    reason: r\n"
        first = Run(f, rules)
        for workers in ("2", "4"):
            other = Run(f, rules, "--workers", workers, name=workers)
            expect(other.text == first.text, f"another eve.json with {workers} workers")


@case
def check_warns_of_rules_whose_end_has_come():
    with folder() as f:
        path = f.put(
            "old.yaml",
            b"suppress:\n  - source: 192.0.2.7\n    until: 2020-01-31\n"
            b"    reason: r\n  - {source: 192.0.2.8, until: 2261-01-01, reason: r}\n"
            b"allow:\n  - {source: 192.0.2.9, reason: r, "
            b"until: '2020-01-31T12:00:00Z'}\n",
        )
        r = smtap("check", "-c", path)
        expect_status(r, 0)
        lines = r.stderr.splitlines()
        expect(len(lines) == 2, f"not two lines: {lines}")
        for line, place, until in zip(
            lines,
            ("2: warning: suppress", "7: warning: allow"),
            ("2020-01-31;", "2020-01-31T12:00:00Z;"),
        ):
            expect(f"{path}:{place}" in line and until in line, f"it says {line!r}")
        expect("is right" in r.stdout, f"it says {r.stdout!r}")


@case
def the_page_has_what_rules_hid_and_each_rule_with_its_counts():
    with folder() as f:
        source, _, plain = attacker(f)
        rules = rule(f"source: {source}\n    detector: bruteforce")
        run = Run(
            f,
            rules + "allow:\n  - account: dave\n    detector: slow\n    reason: ours\n",
            "--report",
        )
        page = (pathlib.Path(f.output()) / "report.html").read_text()
        done, allowed = run.stats["suppress"][0], run.stats["allow"][0]
        for text in (
            f"1 finding suppressed, {allowed['events']} events allowed",
            f"<bdi>source</bdi> <bdi>{source}</bdi></td><td class=\"n\">{plain['attempts']}</td>",
            f'<bdi>a test of ours</bdi></td><td class="name"><bdi>never</bdi></td>'
            f"<td class=\"n\">1</td><td class=\"n\">{done['sightings']}</td>",
            f'<bdi>ours</bdi></td><td class="name"><bdi>never</bdi>',
        ):
            expect(text in page, f"{text} is not in the page")


if __name__ == "__main__":
    sys.exit(main())
