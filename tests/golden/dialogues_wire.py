"""Dialogues whose packets were treated badly: late, forged, repeated, out of memory."""

from dialogues import b64, case, hello, login, one, plain
from pcapgen import ACK, FIN, PSH, RST, SYN, Session


def of_server(frame):
    return frame[26:30] == bytes([203, 0, 113, 25])


def delayed(w, late, seconds):
    """One direction comes late: two taps, or a merge of two captures."""
    s = hello(one(w))
    for n in range(10):
        login(s, "bob", f"secret-a{n}")
        w.wait(0.03)
    s.talk("C: QUIT", "S: 221 Bye").close()
    w.frames = sorted(
        ((t + (int(seconds * 1e9) if late(f) else 0), f) for t, f in w.frames), key=lambda x: x[0]
    )
    return [("LOGIN", "bob", "failure")] * 10, [("bruteforce", "source", "198.51.100.7")]


@case
def the_server_may_come_two_hundred_ms_late(w):
    return delayed(w, of_server, 0.2)


@case
def the_client_may_come_two_hundred_ms_late(w):
    return delayed(w, lambda f: not of_server(f), 0.2)


@case
def the_server_may_come_after_the_client_is_gone(w):
    return delayed(w, of_server, 20)


@case
def a_clock_set_back_and_forward_ends_no_session(w):
    attempts, incidents = delayed(w, of_server, 0)
    w.frames = [
        (t - (3600 * 10**9 if 20 < i < 40 else 0), f) for i, (t, f) in enumerate(w.frames)
    ]
    return attempts, incidents


@case
def out_of_arena_every_attempt_still_counts(w):
    victim = hello(one(w))
    for n in range(3000):
        s = Session(w, f"10.0.{n >> 8}.{n & 255}").open()
        s.seq[0] += 1500
        for _ in range(24):
            s.segment(0, PSH | ACK, b"J" * 1400)
            s.seq[0] += 100
        if n % 200 == 0:
            victim.talk("C: AUTH LOGIN")
            at = len(w.frames)
            victim.talk("S: 334 VXNlcm5hbWU6", f"C: {b64('bob')}")
            (t, f), (u, g) = w.frames[at:]
            w.frames[at:] = [(t, g), (u, f)]
            victim.talk(
                "S: 334 UGFzc3dvcmQ6", f"C: {b64('secret-a1')}", "S: 535 5.7.8 Error: no"
            )
    known = [("LOGIN", "bob", "failure")] * 4
    return known + [("LOGIN", None, "failure")] * 11, []


# Each worker has an arena of its own, and a key drawn at random says which has whom.
out_of_arena_every_attempt_still_counts.workers = 1


def forged(s):
    """What the real peers discard by its checksum, in both directions and in sequence."""
    hello(s)
    for _ in range(5):
        s.talk("C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", f"C: {b64('bob')}", "S: 334 UGFzc3dvcmQ6")
        for side in (0, 1):
            for flags, text in (
                (RST | ACK, b""),
                (RST, b""),
                (FIN | ACK, b""),
                (SYN, b""),
                (PSH | ACK, b"235 2.7.0 ok\r\n" if side else b"*\r\n"),
            ):
                s.segment(side, flags, text, bad_checksum=True, move=False)
        s.talk(f"C: {b64('secret-a1')}")
        s.segment(1, PSH | ACK, b"235 2.7.0 ok\r\n", bad_checksum=True, move=False)
        s.talk("S: 535 5.7.8 no")
    s.close()
    return [("LOGIN", "bob", "failure")] * 5, []


@case
def forgeries_change_nothing(w):
    return forged(one(w))


@case
def forgeries_change_nothing_in_v6(w):
    return forged(Session(w, "2001:db8:bad::7", "2001:db8:5::25"))


@case
def retransmissions_may_be_cut_otherwise(w):
    s = hello(one(w))
    for n in range(10):
        for side, text in (
            (0, "AUTH LOGIN"),
            (1, "334 VXNlcm5hbWU6"),
            (0, b64("bob")),
            (1, "334 UGFzc3dvcmQ6"),
            (0, b64("secret-a1")),
            (1, "535 5.7.8 no"),
        ):
            data, start = (text + "\r\n").encode(), s.seq[side]
            for a, b in ((0, n % len(data)), (0, len(data)), (n // 2, len(data)), (0, n + 1)):
                s.seq[side] = start + a
                s.segment(side, PSH | ACK, data[a:b])
            s.seq[side] = start + len(data)
    s.close()
    return [("LOGIN", "bob", "failure")] * 10, []


@case
def ports_are_used_again_at_once(w):
    for n in range(12):
        s = one(w, sport=43000, isn=(50000 - n * 10, 90000 - n * 10))
        login(hello(s), "bob", "secret-a1")
        if n % 3 < 2:
            (s.close if n % 3 else s.reset)()
        w.wait(0.2)
    return [("LOGIN", "bob", "failure")] * 12, []


@case
def ports_are_used_again_at_once_and_no_syn_is_seen(w):
    for n in range(6):
        s = one(w, sport=43000, isn=(50000 + n * 0x9E3779B9, 90000 + n * 0x85EBCA6B))
        at = len(w.frames)
        s.open()
        del w.frames[at:]
        login(s.talk("S: 220 mx1.corp.example ESMTP Postfix"), "bob", "secret-a1")
        s.close()
        w.wait(0.2)
    return [("LOGIN", "bob", "failure")] * 6, []


def snapped(w, octets):
    """Of each segment's octets so many are in the capture: "AUTH LOGIN" and no line end."""
    s = hello(one(w))
    for n in range(5):
        login(s, "bob", f"secret-a{n}")
    s.talk("C: QUIT", "S: 221 Bye").close()
    w.snap = 54 + octets
    return [("LOGIN", "bob", "failure")] * 5, []


@case
def the_capture_may_cut_every_line_after_the_mechanism(w):
    return snapped(w, 10)


@case
def the_capture_may_cut_every_line_within_the_mechanism(w):
    return snapped(w, 6)


@case
def a_bdat_of_no_sensible_size_hides_nothing(w):
    s = hello(one(w))
    for size in ("9223372036854775808", "18446744073709551616", "-1", "0x10", "+5", "5 5", ""):
        s.talk(f"C: BDAT {size} LAST", "S: 501 5.5.4 Syntax error")
    s.c(f"BDAT 18446744073709551617 LAST\r\nAUTH PLAIN {plain('bob', 'secret-a1')}\r\n")
    s.talk("S: 501 5.5.4 Syntax error", "S: 535 5.7.8 no")
    s.close()
    return [("PLAIN", "bob", "failure")], []
