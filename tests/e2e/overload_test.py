#!/usr/bin/env python3
"""smtap run under overload: what it sheds, in which order, and that it says so.

usage: overload_test.py SMTAP [UNPACKED] [SLOW-WORKER]   (prints TAP; as live_test.py)

Whether a machine is too slow for its own tcpreplay is not ours to say: what is asked for under it
holds in both cases. Overload for certain is a worker that is held up (peer/slow_worker.c) before a
queue that never runs dry.
"""
import contextlib
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import feed  # noqa: E402
import live_test  # noqa: E402
from lab import Missing, b64  # noqa: E402
from pcapgen import ACK, FIN, Session, Wire  # noqa: E402

TIMES = ("shed_bodies_time", "shed_deliveries_time", "shed_strangers_time", "shed_guessers_time")
SLOW = []  # the library, as main() was told
DELIVERERS, GUESSERS = 20, 4
# Frames in the queue, of 1024: four bursts, so it stands, and tells once how full it is.
STANDING = 250
STRANGERS = 3  # level: the next would be that of guessers
ROUNDS_MAX = 200


def close(session):
    """Without the last ACK: it would come after the end, and belong to no session."""
    session.segment(0, FIN | ACK)
    session.segment(1, FIN | ACK)


def delivery(number, sport):
    wire = Wire()
    s = Session(wire, f"192.0.2.{number + 1}", sport=sport).open()
    s.talk("S: 220 mx1 ESMTP", "C: HELO mx.example", "S: 250 mx1")
    s.talk("C: MAIL FROM:<a@c.example>", "S: 250 ok", "C: RCPT TO:<b@s.example>", "S: 250 ok")
    s.talk("C: DATA", "S: 354 go on").c("Subject: news\r\n\r\n")
    for _ in range(20):
        s.c(b"All work and no play makes Jack.\r\n" * 40)
    s.talk("C: .", "S: 250 queued", "C: QUIT", "S: 221 bye")
    close(s)
    return [frame for _, frame in wire.frames]


FAILURES = 5  # of a session; three of them are enough for an alert


def guess(number, sport):
    wire = Wire()
    s = Session(wire, f"198.51.100.{number + 1}", sport=sport).open()
    s.talk("S: 220 mx1 ESMTP", "C: EHLO c.example", "S: 250-mx1\r\n250 AUTH PLAIN")
    for n in range(FAILURES):
        word = b64(f"{chr(0)}user{number}{chr(0)}guess-{sport}-{n}")
        s.talk(f"C: AUTH PLAIN {word}", "S: 535 5.7.8 no")
    close(s)
    return [frame for _, frame in wire.frames]


def round_of(sport):
    """All of them at once: a frame of each in turn."""
    talks = [delivery(n, sport) for n in range(DELIVERERS)]
    talks += [guess(n, sport) for n in range(GUESSERS)]
    while any(talks):
        yield from (talk.pop(0) for talk in talks if talk)


@contextlib.contextmanager
def preloaded(library):
    os.environ["LD_PRELOAD"] = library
    try:
        yield
    finally:
        del os.environ["LD_PRELOAD"]


class Overload:
    """A worker that is held up, sources that it knows, and a queue that stands."""

    def __init__(self, lab, smtap):
        lab.cable()
        lab.users()
        live_test.devices(lab)
        with preloaded(SLOW[0]):
            self.live = live_test.Live(lab, smtap, live_test.AF_PACKET)
        self.lab, self.sent, self.rounds = lab, 0, 0
        self.rings = feed.Rings(lab.stack, self.live.child("smtap-dataplane"))
        self.before = self.rings.now()
        self.wire = feed.wire_into(lab.stack, lab.server, "mirror0")

    def moved(self):
        return {k: v - self.before[k] for k, v in self.rings.now().items()}

    def waiting(self):
        moved = self.moved()
        return self.sent - sum(moved[k] for k in feed.SEEN)

    def play(self, at_once):
        """A round, with no more than that many frames waiting."""
        for frame in round_of(40000 + self.rounds):
            self.wire.send(frame)
            self.sent += 1
            if self.waiting() >= at_once:
                self.lab.until("room", lambda: self.waiting() < at_once, feed.LOOK_S)
            if self.rings.now()["shed_level"] >= STRANGERS:
                self.lab.until("a dry queue", lambda: self.waiting() == 0, feed.LOOK_S)
        self.rounds += 1

    def learn(self):
        """Who delivers and who guesses, from a round that nothing is shed of."""
        self.play(feed.WINDOW)
        self.lab.until("the sessions", lambda: len(self.flows()) == DELIVERERS + GUESSERS)

    def flows(self):
        return self.live.events("flow")

    def press(self):
        """Until deliveries are shed, and one round more: guessers go on all the while."""
        while self.moved()["shed_sessions_delivery"] < DELIVERERS:
            if self.rounds == ROUNDS_MAX:
                raise AssertionError(f"{self.rounds} rounds: nothing is shed: {self.moved()}")
            self.play(STANDING)
        self.play(STANDING)
        self.lab.until("all packets", lambda: self.waiting() == 0)


def what_is_shed_is_of_the_least_interest(tap, name, lab, smtap):
    """Bodies and deliveries go; not one failed login of those who are known to guess."""
    if not SLOW:
        raise Missing("the library that holds a worker up is not built")
    o = Overload(lab, smtap)
    o.learn()
    early = o.moved()
    o.press()
    lab.until("the alert", lambda: sheds(o.live))
    status, said = o.live.end()
    c = o.live.counters()
    moved = {k: c[k] - o.before[k] for k in o.before}
    tap.point(f"{name}_ends_well", [] if status == 0 else [f"status {status}: {said[-600:]}"])
    tap.point(f"{name}_and_learns_before", shed_of(early))
    off = [] if moved["shed_bodies"] and moved["shed_body_bytes"] else ["no body was shed"]
    other = ("shed_sessions_stranger", "shed_sessions_user", "shed_sessions_guesser")
    off += [f"{k}: {moved[k]}" for k in other if moved[k]]
    tap.point(f"{name}_first", off)
    want = o.rounds * GUESSERS * FAILURES
    failed = [e for e in o.live.events("smtp_auth") if e["smtp_auth"]["outcome"] == "failure"]
    off = [] if len(failed) == want else [f"{len(failed)} failed logins of {want}"]
    found = [n for n in range(GUESSERS) if not o.live.found("bruteforce", f"198.51.100.{n + 1}")]
    tap.point(f"{name}_and_each_failed_login_is_counted", off + found)
    tap.point(f"{name}_and_the_packets_sum_up", does_not_sum_up(o, moved))
    told = [a for a in o.live.events("alert") if a["smtap"].get("sensor_loss")]
    tap.point(f"{name}_and_alerts_tell_of_it", [] if told else ["no alert has sensor_loss"])
    print(f"# {name}: {o.rounds} rounds, {o.sent} packets, {shed_of(moved)}")


def sheds(live):
    return [e for e in live.events("alert") if e["smtap"]["detector"] == "sensor_shed"]


def shed_of(moved):
    return [f"{k}: {v}" for k, v in moved.items() if k.startswith("shed_") and v]


def does_not_sum_up(o, moved):
    """Sent is received or counted as lost; received is of a session that is told, or shed."""
    off = []
    seen = {k: moved[k] for k in feed.SEEN}
    if sum(seen.values()) != o.sent:
        off.append(f"{o.sent} sent, but {seen}")
    told = sum(sum(e["flow"][f"pkts_to{side}"] for side in ("server", "client")) for e in o.flows())
    if told + moved["shed_packets"] != moved["rx_packets"]:
        off.append(
            f"{moved['rx_packets']} received, {told} in sessions, {moved['shed_packets']} shed"
        )
    return off


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
    seen = sum(c[k] - before[k] for k in feed.SEEN)
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
    if len(sys.argv) > 3:
        SLOW[:] = [os.path.abspath(sys.argv.pop(3))]
    live_test.CASES = [what_is_shed_is_of_the_least_interest, what_is_shed_is_told]
    sys.exit(live_test.main())
