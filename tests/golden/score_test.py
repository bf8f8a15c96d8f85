#!/usr/bin/env python3
"""The labelled corpus, by its own scorer, with all detectors on.

usage: score_test.py SMTAP   (prints TAP)

Runs ../shared/corpus/score with 1, 2 and 4 workers. Labels are written from the servers' logs;
where such a log names an account otherwise than the client did on the wire, the scorer's complaint
is expected, word for word: see LABELS. When it disappears or changes, its entry is stale: the test
fails.
"""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from golden import SHARED, Tap  # noqa: E402

WHY = "the label names the account otherwise than the wire"

# Usernames are told as the client sent them. Cyrus SASL logs them with its realm, which is not on
# the wire; one label is a list cut short by "...".
LABELS = {
    "03c-hydra-ntlm-postfix-cyrus":
        ["accounts 198.51.100.31: 1 seen, missing ['alice@corp.example'], surplus ['alice']"],
    "04d-medusa-login-postfix-cyrus":
        ["accounts 198.51.100.46: 1 seen, missing ['alice@corp.example'], surplus ['alice']"],
    "06-spray-one-source-postfix":
        ["accounts 198.51.100.60: 110 seen, missing ['...'], surplus ['backup', 'hr', 'info']"],
}


def score(smtap, workers):
    """What the scorer says: capture -> complaints."""
    r = subprocess.run(
        [sys.executable, "-B", str(SHARED / "corpus" / "score"), "-v", "--clear-only",
         "--workers", str(workers), "--smtap", smtap],
        capture_output=True, text=True, timeout=600)
    found, name = {}, None
    for line in r.stdout.splitlines():
        head = re.fullmatch(r"(?:ok  |OFF ) (\S+)", line)
        if head:
            name = head.group(1)
            found[name] = []
        elif name and line.startswith("       "):
            found[name].append(line.strip())
    return found, r.stderr


def main():
    smtap, tap = sys.argv[1], Tap()
    if not (SHARED / "corpus" / "score").exists():
        tap.skip("corpus", "no ../shared/corpus")
        return tap.end()
    for workers in (1, 2, 4):
        found, stderr = score(smtap, workers)
        if not found:
            tap.point(f"{workers} workers", ["the scorer said nothing", stderr[-300:]])
        for name, off in found.items():
            known = LABELS.get(name)
            if known and off != known:
                off = [*off, f"LABELS is stale: {known} was expected"]
            tap.point(f"{name}, {workers} workers", off, expected=off == known and WHY)
        for name in LABELS.keys() - found.keys():
            tap.point(f"{name}, {workers} workers", ["LABELS is stale: no such capture"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
