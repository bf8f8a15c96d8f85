#!/usr/bin/env python3
"""The metrics that there are, and those that the dashboard, the rules and the manual name.

    metrics.py PROMTOOL...   check; PROMTOOL: where it may be, besides $PATH   (prints TAP)
"""

import json
import os
import re
import shutil
import subprocess
import sys

import source

TOP = source.TOP
DASHBOARD = TOP / "packaging/grafana/smtap.json"
RULES = TOP / "packaging/prometheus/smtap.rules.yml"
RULES_TEST = TOP / "packaging/prometheus/smtap.rules.test.yml"
MANUAL = TOP / "doc/man/smtap-metrics.5"

# The lists that say COUNTER or GAUGE, and what is put before the names.
LISTS = (
    ("control/intake/intake.h", "INTAKE_COUNTERS", ""),
    ("control/export/eve.h", "EVE_COUNTERS", ""),
    ("control/outbox/outbox.h", "OUTBOX_COUNTERS", ""),
    ("control/engine/engine.h", "ENGINE_COUNTERS", ""),
    ("control/export/metrics.h", "STATE_COUNTERS", ""),
    ("export/pages/pages.h", "PAGES_COUNTERS", ""),
    ("export/sink/counters.h", "SINK_COUNTERS", "exporter_"),
)
# Those that are no list's: control/export/metrics.c, export/metrics/text.c.
OTHERS = (
    ("auth_outcomes", "COUNTER", "attempts", "AUTH attempts by how they ended, label outcome"),
    ("open_incidents", "GAUGE", "incidents", "Incidents that are open, label severity"),
    ("up", "GAUGE", "boolean", "1 while control answers"),
    ("build_info", "GAUGE", "", "Versions of the programs, labels program and version"),
)
SUFFIXES = {
    "milliseconds": "_seconds",
    "timestamp": "_timestamp_seconds",
    "bytes": "_bytes",
}


def rows(path, macro):
    """(words before the strings, strings) of each X(...) of a list."""
    text = (TOP / path).read_text().replace("\\\n", "\n")
    body = re.search(rf"#define {macro}\(X\)(.*?)(?=^#|^struct|^enum)", text, re.S | re.M)[1]
    for row in re.split(r"\bX\(", body)[1:]:
        strings = re.findall(r'"((?:[^"\\]|\\.)*)"', re.sub(r'"\s*"', "", row))
        yield re.findall(r"\b[A-Z]{5,7}\b", re.sub(r'"[^"]*"', "", row)), strings


def name(counter, kind, unit):
    """As export/metrics/text.c makes it."""
    suffix = SUFFIXES.get(unit, "")
    made = "smtap_" + counter + ("" if counter.endswith(suffix) else suffix)
    return made + ("_total" if kind == "COUNTER" else "")


def metrics():
    """Name: (unit, help, labels) of each metric that there is."""
    found = {}
    for _, (counter, unit, text) in rows("contract/counters.h", "COUNTERS"):
        kind = "GAUGE" if unit == "level" else "COUNTER"
        found[name(counter, kind, unit)] = (unit, text)
    for path, macro, before in LISTS:
        for words, strings in rows(path, macro):
            kind = next(w for w in words if w in ("COUNTER", "GAUGE"))
            unit = strings[1] if len(strings) == 3 else ""
            found[name(before + strings[0], kind, unit)] = (unit, strings[-1])
    for counter, kind, unit, text in OTHERS:
        found[name(counter, kind, unit)] = (unit, text)
    return found


def named(text):
    return set(re.findall(r"\bsmtap_[a-z0-9_]+[a-z0-9]\b(?!\*)", text))


def check_dashboard():
    board = json.loads(DASHBOARD.read_text())
    queries = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
    queries += [v["query"]["query"] for v in board["templating"]["list"] if v["type"] == "query"]
    if len(queries) < 20:
        yield f"only {len(queries)} queries"
    for metric in sorted(named("\n".join(queries)) - set(metrics())):
        yield f"{DASHBOARD.name}: there is no {metric}"
    ids = [p["id"] for p in board["panels"]]
    if len(ids) != len(set(ids)):
        yield f"{DASHBOARD.name}: two panels have one id"


def check_rules():
    for path in (RULES, RULES_TEST):
        text = re.sub(r"smtap_\w+_?\*", "", path.read_text())
        for metric in sorted(named(text) - set(metrics())):
            yield f"{path.name}: there is no {metric}"
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    for alert in alerts:
        tested = re.search(rf"alertname: {alert}\n\s+exp_alerts:\n", RULES_TEST.read_text())
        if not tested:
            yield f"{RULES_TEST.name}: {alert} never fires"


def check_manual():
    page = MANUAL.read_text()
    for metric in sorted(named(page) ^ set(metrics())):
        yield f"{MANUAL.name}: {metric}: not the same as in the code: manual.py BUILD --write"


def promtool(words):
    places = [shutil.which("promtool")] + sys.argv[1:]
    for place in places:
        if place and os.access(place, os.X_OK):
            done = subprocess.run([place, *words], capture_output=True, text=True, check=False)
            return None if done.returncode == 0 else done.stdout + done.stderr
    return "SKIP"


def check_with_promtool():
    for words in (["check", "rules", str(RULES)], ["test", "rules", str(RULES_TEST)]):
        said = promtool(words)
        if said:
            yield said


def main():
    checks = {
        "each_metric_of_the_dashboard_exists": check_dashboard,
        "each_metric_of_the_rules_exists_and_each_alert_fires_in_a_test": check_rules,
        "the_manual_has_all_metrics": check_manual,
        "promtool_checks_and_tests_the_rules": check_with_promtool,
    }
    failed = 0
    print(f"1..{len(checks)}")
    for number, (what, check) in enumerate(checks.items(), 1):
        wrong = list(check())
        if wrong and set(wrong) == {"SKIP"}:
            print(f"ok {number} - {what} # SKIP there is no promtool: scripts/deps --tests")
            continue
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} - {what}")
        for line in "\n".join(wrong).splitlines():
            print("#", line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
