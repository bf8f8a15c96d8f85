#!/usr/bin/env python3
"""Two builds of different contracts, as a package that was upgraded alone would leave them.

usage: contracts_test.py SMTAP OTHER-CONTROL [PART-OF-A-NAME]   (prints TAP)
"""
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile

import harness
from harness import case, expect, main
from running import GUESSES, alone, guesses, running

OTHER = pathlib.Path(sys.argv[2]).resolve()


def install(path, program):
    """In the place of the one that runs, as a package manager does: by rename."""
    new = path.with_suffix(".new")
    shutil.copy2(program, new)
    os.rename(new, path)


@case
def a_control_of_another_contract_is_refused_and_loses_nothing_of_what_waits():
    built = pathlib.Path(harness.PROGRAM[0]).parent
    before = harness.PROGRAM[0]
    with tempfile.TemporaryDirectory(prefix="e2e-") as path:
        folder = pathlib.Path(path)
        folder.chmod(0o755)
        for name in ("smtap", "smtap-dataplane", "smtap-control", "smtap-export"):
            shutil.copy2(built / name, folder)
        harness.PROGRAM[0] = str(folder / "smtap")
        try:
            with running("", f"patterns:\n  directory: {built}/patterns\n") as r:
                upgrade_of_control_alone(r, folder / "smtap-control", built / "smtap-control")
        finally:
            harness.PROGRAM[0] = before


def upgrade_of_control_alone(r, path, right):
    r.attack(1)
    install(path, OTHER)
    os.kill(r.pid("smtap-control"), signal.SIGKILL)
    words = r"counters version: smtap-dataplane has \d+, smtap-control has 94; install the same"
    for who in ("smtap-control: ", "smtap: control refused the rings: "):
        r.until(f"the line of {who}", lambda: re.search(re.escape(who) + ".*" + words, r.said()))
    # While nobody fits the attack goes on: it waits in the rings.
    for frame in guesses(2):
        r.wire.send(frame)
    install(path, right)
    told = '"src_ip":"198.51.100.2"'
    r.until("what waited", lambda: any(told in line for line in r.alerts()))
    expect(r.end() == 0, r.said()[-800:])
    stats = [line for line in r.lines('"event_type":"stats"')][-1]
    expect('"auth_attempts":%d,' % (2 * GUESSES) in stats, stats[:1500])
    lost = [n for n in re.findall(r'"events_lost_\w+":(\d+)', stats) if n != "0"]
    expect(not lost, f"events were lost: {stats[:1500]}")
    # The incident of before goes on under its id.
    ids = [
        re.search(r'"incident_id":(\d+)', a)[1]
        for a in r.alerts()
        if '"subject":"198.51.100.1"' in a
    ]
    expect(len(set(ids)) == 1, f"ids {ids}")


def begin():
    del sys.argv[2]
    return main()


if __name__ == "__main__":
    sys.exit(alone(begin))
