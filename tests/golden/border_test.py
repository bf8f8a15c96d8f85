#!/usr/bin/env python3
"""Scripted captures of what stands between a guesser and a machine, a list and a crowd: each attack
beside the honest load that looks most like it.

usage: border_test.py SMTAP [WORD]   (prints TAP)
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from cases import Cases  # noqa: E402
from dialogues import hello  # noqa: E402
from honest_test import MX, NO, OK, Agenda, bye, log_in, log_in_cram  # noqa: E402

CASES = Cases()
case = CASES.case


def tries(w, acts, cases, alerts):
    """Acts are (second, address, user, password, reply, server) of LOGIN; others by themselves."""
    a = Agenda(w)
    for second, *what in acts:
        a.at(second, lambda what=what: log_in(a, *what))
    for second, act in cases:
        a.at(second, lambda act=act: act(a))
    a.play()
    return alerts


GUESSER = "198.51.100.7"
MX2 = "203.0.113.26"
LIST = [("stuffing", "source", GUESSER, {})]
HITS = [("compromise", "account", f"u{n}@x.example", {}) for n in (40, 50)]


def a_list(first, server=MX, hits=()):
    for n in range(60):
        reply = OK if n in hits else NO
        yield first + n * 5, GUESSER, f"u{n}@x.example", f"pw{n}", reply, server


@case(may=("exposure",))
def a_list_that_works_at_the_second_server_is_a_compromise(w):
    return tries(w, [*a_list(0), *a_list(600, MX2, (40, 50))], [], LIST + HITS)


@case(may=("exposure",))
def a_list_that_works_when_the_lockout_is_over_is_a_compromise(w):
    return tries(w, [*a_list(0), *a_list(600, MX, (40, 50))], [], LIST + HITS)


@case(may=("exposure",))
def a_list_at_two_servers_side_by_side_is_stuffing(w):
    return tries(w, [*a_list(0), *a_list(2, MX2, (40, 50))], [], LIST + HITS)


@case(may=("exposure",))
def old_devices_of_people_that_try_two_servers_are_silent(w):
    one = "192.0.2.1"
    old = [
        (n * 14 + k * 300 + i * 2, one, f"u{n}", f"old{n}", NO, (MX, MX2)[i])
        for n in range(40)
        for k in range(5)
        for i in range(2)
    ]
    well = [(n * 7 + k * 300, one, f"w{n}", f"r{n}", OK) for n in range(40) for k in range(5)]
    return tries(w, old + well, [], [])


@case(may=("exposure",))
def ten_people_who_try_three_times_are_silent(w):
    typos = [
        (n * 50 + k * 12, "192.0.2.1", f"user{n}", f"typo{n}.{k}", NO)
        for n in range(10)
        for k in range(3)
    ]
    well = [(20 + n * 45, "192.0.2.1", f"other{n}", f"r{n}", OK) for n in range(12)]
    return tries(w, typos + well, [], [])


@case(may=("exposure",))
def eight_people_who_give_up_after_four_tries_are_silent(w):
    typos = [
        (n * 60 + k * 12, "192.0.2.1", f"user{n}", f"typo{n}.{k}", NO)
        for n in range(8)
        for k in range(4)
    ]
    return tries(w, typos, [], [])


def by_timer(gap, first, last, user="dave"):
    for second in range(first, last, gap):
        yield second, lambda a: log_in_cram(a, GUESSER, user)


def gets_in(second):
    return second, lambda a: log_in_cram(a, GUESSER, "dave", OK)


@case(may=("exposure",))
def a_timer_of_15_seconds_that_gets_in_is_a_compromise(w):
    return tries(
        w, [], [*by_timer(15, 0, 1200), gets_in(1215)], [("compromise", "account", "dave", {})]
    )


@case(may=("exposure",))
def a_stale_timer_of_15_seconds_that_gets_in_is_a_compromise(w):
    return tries(
        w,
        [],
        [*by_timer(15, 0, 7200), gets_in(7215)],
        [("stale_credential", "source", GUESSER, {}), ("compromise", "account", "dave", {})],
    )


@case(may=("exposure",))
def a_stale_timer_of_90_seconds_that_gets_in_has_its_new_password(w):
    stale = [("stale_credential", "source", GUESSER, {})]
    return tries(w, [], [*by_timer(90, 0, 7200), gets_in(7290)], stale)


@case(may=("exposure",))
def a_timer_at_another_account_each_hour_is_a_guesser(w):
    acts = [x for n in range(2) for x in by_timer(15, n * 3700, n * 3700 + 1700, f"dave{n}")]
    return tries(w, [], acts, [("bruteforce", "source", GUESSER, {})])


@case(may=("exposure",))
def a_timer_whose_account_is_not_seen_is_a_guesser(w):
    def one(a):
        s = hello(a.session(GUESSER), "GSSAPI")
        bye(s.talk("C: AUTH GSSAPI YIIB", f"S: {NO}"))

    acts = [(n * 15, one) for n in range(240)]
    return tries(w, [], acts, [("bruteforce", "source", GUESSER, {})])


def from_all_of_a_64(w, hit, again=()):
    """A hit in a list of which each try is from a fresh address; then the same from others."""
    acts = [
        (
            n * 5,
            f"2001:db8:bad::{n + 1:x}",
            f"u{n}",
            f"pw{n}",
            OK if n == hit else NO,
            "2001:db8::25",
        )
        for n in range(200)
    ]
    for n, second in enumerate(again):
        acts.append((second, f"2001:db8:bad::f{n:x}", f"u{hit}", f"pw{hit}", OK, "2001:db8::25"))
    stuffing = ("stuffing", "prefix", "2001:db8:bad::/64", {})
    return tries(w, acts, [], [stuffing, ("compromise", "account", f"u{hit}", {})])


@case(may=("exposure",))
def a_hit_from_a_fresh_address_of_an_attacking_64_is_a_compromise(w):
    return from_all_of_a_64(w, 150)


@case(may=("exposure",))
def an_early_hit_of_an_attacking_64_is_a_compromise_when_it_comes_again(w):
    return from_all_of_a_64(w, 2, (1500, 2100))


def main():
    return CASES.main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")


if __name__ == "__main__":
    sys.exit(main())
