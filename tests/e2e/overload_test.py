#!/usr/bin/env python3
"""smtap run under tcpreplay at top speed: what it sheds it says, and else it sheds nothing.

usage: overload_test.py SMTAP [UNPACKED]   (prints TAP; as live_test.py)

Whether a machine is too slow for its own tcpreplay is not ours to say. So what is asked for holds
in both cases; that it sheds, and what, is tests/unit/overload_test.c and smtap-bench overload.
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import live_test  # noqa: E402

TIMES = ("shed_bodies_time", "shed_deliveries_time", "shed_strangers_time", "shed_guessers_time")


def what_is_shed_is_told(tap, name, lab, smtap):
    """More than it keeps up with, or not: sheds and says so, or sheds nothing and sees all."""
    lab.cable()
    lab.users()
    live_test.devices(lab)
    live = live_test.Live(lab, smtap, live_test.AF_PACKET)
    before, was = live.counters(), live_test.statistic(lab, "mirror1", "rx_packets")
    play = ["tcpreplay", "--topspeed", "--preload-pcap", "-i", "mirror0", "--loop", "100"]
    subprocess.run(
        lab.inside(lab.server, *play, str(live_test.CAPTURE)),
        capture_output=True,
        timeout=60,
        check=True,
    )
    ticks = len(live.events("stats"))
    lab.until("two stats lines", lambda: len(live.events("stats")) >= ticks + 3)
    c = live.counters()
    arrived = live_test.statistic(lab, "mirror1", "rx_packets") - was
    seen = sum(c[k] - before[k] for k in live_test.SEEN)
    tap.point(
        f"{name}_and_each_packet_is_seen_or_counted",
        [] if seen == arrived > 0 else [f"{arrived} arrived, {seen} are known"],
    )
    moved = {k: c[k] - before[k] for k in c if k.startswith("shed_")}
    some = any(moved[k] for k in moved if k.startswith("shed_sessions") or k == "shed_bodies")
    told = [e for e in live.events("alert") if e["smtap"]["detector"] == "sensor_shed"]
    levels = sum(moved[k] for k in TIMES)
    tap.point(
        f"{name}_if_and_only_if_something_is_shed",
        [] if bool(told) == some else [f"{len(told)} alerts, but {moved}"],
    )
    tap.point(
        f"{name}_and_no_packet_is_shed_without_a_level",
        [] if levels or not moved["shed_packets"] else [f"{moved}"],
    )
    print(f"# {name}: { {k: v for k, v in moved.items() if v} or 'nothing was shed'}")
    status, said = live.end()
    tap.point(f"{name}_ends_well", [] if status == 0 else [f"status {status}: {said[-600:]}"])


if __name__ == "__main__":
    live_test.CASES = [what_is_shed_is_told]
    sys.exit(live_test.main())
