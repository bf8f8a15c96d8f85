#!/usr/bin/env python3
"""Rules that suppress findings and allow traffic, from outside.

usage: rules_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import sys

from harness import case, expect, expect_status, folder, main, smtap


@case
def check_warns_of_rules_whose_end_has_come():
    with folder() as f:
        path = f.put("old.yaml", b"suppress:\n  - source: 192.0.2.7\n    until: 2020-01-31\n"
                     b"    reason: r\n  - {source: 192.0.2.8, until: 2261-01-01, reason: r}\n"
                     b"allow:\n  - {source: 192.0.2.9, reason: r, "
                     b"until: '2020-01-31T12:00:00Z'}\n")
        r = smtap("check", "-c", path)
        expect_status(r, 0)
        lines = r.stderr.splitlines()
        expect(len(lines) == 2, f"not two lines: {lines}")
        for line, place, until in zip(lines, ("2: warning: suppress", "7: warning: allow"),
                                      ("2020-01-31;", "2020-01-31T12:00:00Z;")):
            expect(f"{path}:{place}" in line and until in line, f"it says {line!r}")
        expect("is right" in r.stdout, f"it says {r.stdout!r}")


if __name__ == "__main__":
    sys.exit(main())
