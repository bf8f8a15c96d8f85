#!/usr/bin/env python3
"""Sum what scripts/test left in a folder: meson's testlog.json files, and a list of
other steps that failed.

A test that speaks TAP counts with each of its cases; one that is marked as expected to fail is
named with its reason and counts as skipped. Names what failed, with what it said; the last line
is "N passed, M failed[, K skipped]". Exit status 1 when something failed or nothing passed.
"""

import json
import pathlib
import re
import sys
import textwrap

CASE = re.compile(r"^(not )?ok \d+(.*)$", re.MULTILINE)
BAD_CASE = re.compile(
    r"^not ok \d+(?!.*#\s*(?:todo|skip)).*\n(?:#.*\n)*", re.MULTILINE | re.IGNORECASE
)
GOOD = ("OK", "EXPECTEDFAIL")
SHOWN = 3000  # characters at most of what a test said that failed


def count_test(test):
    """[passed, failed, skipped] of one test program."""
    if test["result"] == "SKIP":
        return [0, 0, 1]
    counts = [0, 0, 0]
    for bad, rest in CASE.findall(test.get("stdout") or ""):
        todo = bad and re.search(r"#\s*todo", rest, re.IGNORECASE)
        if todo:
            print(f"known: {rest.strip(' -')}")
        skipped = todo or re.search(r"#\s*skip", rest, re.IGNORECASE)
        counts[2 if skipped else 1 if bad else 0] += 1
    good = test["result"] in GOOD
    if good and not any(counts):
        counts[0] = 1
    if not good and counts[1] == 0:
        counts[1] = 1  # it crashed, or ran out of time, or is no TAP
    return counts


def what_it_said(test):
    """The cases that failed with the remarks below each; of a test without, how it ended."""
    stdout, stderr = test.get("stdout") or "", test.get("stderr") or ""
    cases = "".join(BAD_CASE.findall(stdout + "\n"))
    status = f"exit status {test.get('returncode')}"
    return cases[:SHOWN] or f"{(stdout + stderr)[-SHOWN:]}\n{status}"


def main():
    folder = pathlib.Path(sys.argv[1])
    total, failures = [0, 0, 0], []
    for log in sorted(folder.glob("*.json")):
        for line in log.read_text().splitlines():
            test = json.loads(line)
            counts = count_test(test)
            total = [a + b for a, b in zip(total, counts)]
            if counts[1]:
                failures.append(f"FAILED: {log.stem}: {test['name']} ({test['result']})")
                failures.append(textwrap.indent(what_it_said(test).strip(), "  | "))
    steps = folder / "failed_steps"
    for step in steps.read_text().splitlines() if steps.exists() else []:
        total[1] += 1
        failures.append(f"FAILED: {step}")
    passed, failed, skipped = total
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


sys.exit(main())
