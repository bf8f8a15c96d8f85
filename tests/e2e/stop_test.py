#!/usr/bin/env python3
"""The end of a live run at a bad moment.

usage: stop_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import os
import signal
import sys

from harness import case, expect, main
from running import alone, guesses, running


@case
def stop_while_control_waits_to_start_again_still_tells_and_reports():
    with running("") as r:
        r.attack(1)
        os.kill(r.pid("smtap-control"), signal.SIGSEGV)
        r.until("its end", lambda: "control was killed by signal 11; it starts" in r.said())
        for frame in guesses(2):
            r.wire.send(frame)
        status = r.end()
        expect(status == 0, f"status {status}: {r.said()[-800:]}")
        expect("WHAT WAS NOT SEEN" in r.said(), r.said()[-800:])
        told = [line for line in r.alerts() if '"src_ip":"198.51.100.2"' in line]
        expect(told, f"what was in the rings is not told: {r.said()[-800:]}")


if __name__ == "__main__":
    sys.exit(alone(main))
