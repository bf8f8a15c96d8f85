#!/usr/bin/env python3
"""Scripted captures of honest loads that look like attacks, and of attacks that look honest: the
alerts are exactly those that the case names.

usage: honest_test.py SMTAP [WORD]   (prints TAP)
"""
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from cases import Cases  # noqa: E402
from dialogues import b64, hello, login  # noqa: E402
from pcapgen import Session  # noqa: E402

MX = "203.0.113.25"
OK = "235 2.7.0 Authentication successful"
NO = "535 5.7.8 Error: authentication failed: (reason unavailable)"
LATER = "454 4.7.0 Temporary authentication failure"
PHONE = "192.0.2.77"

CASES = Cases()
case = CASES.case


class Agenda:
    """What happens when: acts are drawn in the order of their time."""

    def __init__(self, wire, seed=1):
        self.wire, self.acts, self.random = wire, [], random.Random(seed)
        self.start_ns = wire.now_ns
        self.sport = 20000

    def at(self, second, act):
        self.acts.append((second, len(self.acts), act))

    def every(self, gap, until, act, first=0, jitter=0.0):
        second = first
        while second < until:
            self.at(second, act)
            second += gap * self.random.uniform(1 - jitter, 1 + jitter)

    def play(self):
        for second, _, act in sorted(self.acts):
            self.wire.now_ns = max(self.wire.now_ns, self.start_ns + int(second * 1e9))
            act()

    def session(self, client, server=MX, dport=25):
        self.sport = 20000 + (self.sport - 19999) % 40000
        return Session(self.wire, client, server, sport=self.sport, dport=dport)


def bye(s):
    return s.talk("C: QUIT", "S: 221 2.0.0 Bye").close()


def cram(s, user, reply=NO, nonce="1"):
    digest = f"{random.Random(nonce).getrandbits(128):032x}"
    return s.talk(
        "C: AUTH CRAM-MD5",
        f"S: 334 {b64(f'<{nonce}@mx1.corp.example>')}",
        f"C: {b64(f'{user} {digest}')}",
        f"S: {reply}",
    )


def log_in(a, client, user, password, reply=NO, server=MX):
    bye(login(hello(a.session(client, server)), user, password, reply))


def log_in_cram(a, client, user, reply=NO):
    bye(cram(hello(a.session(client), "CRAM-MD5"), user, reply, str(len(a.wire.frames))))


def stale(w, gap, hours, jitter=0.0):
    a = Agenda(w)
    a.every(gap, hours * 3600, lambda: log_in_cram(a, PHONE, "dave"), jitter=jitter)
    a.play()
    return [("stale_credential", "source", PHONE, {})]


@case(may=("exposure",))
def a_stale_cram_md5_client_each_15_seconds_is_no_guesser(w):
    return stale(w, 15, 2)


@case(may=("exposure",))
def a_stale_cram_md5_client_each_30_seconds_is_no_guesser(w):
    return stale(w, 30, 2, 0.02)


@case(may=("exposure",))
def a_stale_cram_md5_client_each_minute_is_no_guesser(w):
    return stale(w, 60, 3, 0.05)


def guess_blindly(w, accounts=1, jitter=0.0):
    a = Agenda(w)
    for n in range(accounts):
        act = lambda n=n: log_in_cram(a, PHONE, f"dave{n}")  # noqa: E731
        a.every(15, 3600, act, n * 15 / accounts, jitter)
    a.play()
    return [("bruteforce", "source", PHONE, {})]


@case(may=("exposure",))
def who_waits_unevenly_between_cram_md5_attempts_is_a_guesser(w):
    return guess_blindly(w, jitter=0.3)


@case(may=("exposure",))
def who_tries_two_accounts_by_cram_md5_is_a_guesser(w):
    return guess_blindly(w, accounts=2)


@case(may=("exposure",))
def who_goes_on_in_one_connection_with_cram_md5_is_a_guesser(w):
    s = hello(Session(w, PHONE), "CRAM-MD5")
    for n in range(60):
        w.wait(17)  # Dovecot's penalty for an address that fails
        cram(s, "dave", nonce=str(n))
    bye(s)
    return [("bruteforce", "source", PHONE, {})]


@case(may=("exposure",))
def a_monday_morning_behind_one_address_is_silent(w):
    a = Agenda(w)
    for u in range(200):
        first, typos = a.random.uniform(0, 5400), a.random.choice([0] * 14 + [1, 1, 2, 3])
        for n in range(typos):
            t = first + n * a.random.uniform(4, 20)
            a.at(t, lambda u=u, n=n: log_in(a, "192.0.2.1", f"user{u}", f"typo-{u}-{n}"))
        a.every(
            600,
            7200,
            lambda u=u: log_in(a, "192.0.2.1", f"user{u}", f"right-{u}", OK),
            first + typos * 20 + 5,
        )
    a.play()
    return []


@case(may=("exposure", "stale_credential"))
def the_day_on_which_passwords_expire_is_silent(w):
    a = Agenda(w)
    for u in range(80):
        place = "192.0.2.1" if u % 2 else f"192.0.2.{10 + u}"
        mobile = f"198.18.5.{u % 3}"
        change = a.random.uniform(600, 5400)
        for n in range(a.random.choice([1, 1, 2, 3, 4])):
            wrong = "old" if n < 2 else f"typo-{n}"
            a.at(
                change - 60 + n * 10,
                lambda u=u, p=place, x=wrong: log_in(a, p, f"user{u}", f"{x}-{u}"),
            )
        a.every(900, 10800, lambda u=u, p=place: log_in(a, p, f"user{u}", f"new-{u}", OK), change)
        if u % 3:
            mend = change + a.random.uniform(300, 7000)
            a.every(
                300, mend, lambda u=u, m=mobile: log_in(a, m, f"user{u}", f"old-{u}"), change - 500
            )
            a.every(
                900, 10800, lambda u=u, m=mobile: log_in(a, m, f"user{u}", f"new-{u}", OK), mend
            )
    a.play()
    return []


@case(may=("exposure",))
def a_migration_that_logs_in_for_everybody_is_silent(w):
    a = Agenda(w)
    for u in range(1500):
        right = a.random.random() > 0.02
        a.at(
            u * 2,
            lambda u=u, r=right: log_in(
                a, "192.0.2.50", f"user{u}@corp.example", f"pw-{u}", OK if r else NO
            ),
        )
        if not right:
            a.at(
                u * 2 + 700, lambda u=u: log_in(a, "192.0.2.50", f"user{u}@corp.example", f"pw-{u}")
            )
    a.play()
    return []


@case(may=("exposure",))
def a_webmail_server_is_silent(w):
    a = Agenda(w)
    for n in range(3000):
        u = a.random.randrange(1200)
        wrong = a.random.random() < 0.01
        if wrong:
            a.at(n * 1.5, lambda u=u, n=n: log_in(a, "192.0.2.60", f"user{u}", f"typo-{n}"))
        a.at(n * 1.5 + 8 * wrong, lambda u=u: log_in(a, "192.0.2.60", f"user{u}", f"pw-{u}", OK))
    a.play()
    return []


@case(may=("exposure",))
def a_probe_with_a_wrong_password_each_minute_is_stale(w):
    a = Agenda(w)
    a.every(60, 7200, lambda: log_in(a, "192.0.2.61", "probe", "never-right"))
    a.play()
    return [("stale_credential", "source", "192.0.2.61", {})]


@case(may=("exposure",))
def probes_and_health_checks_are_silent(w):
    a = Agenda(w)
    for n in range(8):
        server = f"203.0.113.{25 + n}"

        def check_smtp(server=server):
            s = a.session("192.0.2.62", server).open()
            bye(s.talk("S: 220 mx ESMTP", "C: EHLO nagios.corp.example", "S: 250 mx"))

        def knock(server=server):
            a.session("192.0.2.63", server).open().s("220 mx ESMTP\r\n").reset()

        a.every(60, 7200, check_smtp, n)
        a.every(5, 3600, knock, n / 8)
    a.play()
    return []


def many_places(a, u):
    return "192.0.2.1" if u < 60 else f"198.18.{u % 3}.{u}"


def outage(w, no, mechanism, before):
    a = Agenda(w)
    for u in range(160):
        place = many_places(a, u)

        def attempt(reply, u=u, place=place):
            if mechanism == "CRAM-MD5":
                log_in_cram(a, place, f"user{u}", reply)
            else:
                log_in(a, place, f"user{u}", f"right-{u}", reply)

        gap, first = a.random.uniform(200, 900), a.random.uniform(0, 200)
        a.every(gap, before, lambda t=attempt: t(OK), first, 0.1)
        a.every(
            a.random.uniform(25, 120),
            before + 600,
            lambda t=attempt: t(no),
            before + first % 60,
            0.2,
        )
        a.every(gap, before + 2400, lambda t=attempt: t(OK), before + 600 + first, 0.1)
    a.play()
    return []


@case(may=("exposure",))
def ten_minutes_of_454_to_everybody_are_silent(w):
    return outage(w, LATER, "LOGIN", 1200)


@case(may=("exposure",))
def ten_minutes_of_535_to_everybody_are_silent(w):
    return outage(w, NO, "LOGIN", 1200)


@case(may=("exposure",))
def ten_minutes_of_535_to_everybody_with_unseen_passwords_are_silent(w):
    return outage(w, NO, "CRAM-MD5", 1200)


@case(may=("exposure",))
def ten_minutes_of_535_to_everybody_just_after_the_start_are_silent(w):
    return outage(w, NO, "LOGIN", 200)


@case(may=("exposure",))
def ten_minutes_of_535_with_unseen_passwords_just_after_the_start_are_silent(w):
    return outage(w, NO, "CRAM-MD5", 200)


@case(may=("exposure",))
def a_server_that_says_421_to_everybody_is_silent(w):
    a = Agenda(w)
    for n in range(200):

        def knock(n=n):
            s = a.session(f"198.18.{n % 3}.{n}").open()
            s.s("421 4.3.2 Service not available, closing channel\r\n").close()

        a.every(60, 1800, knock, n / 4, 0.3)
    a.play()
    return []


@case(may=("exposure", "stale_credential"))
def cgnat_of_a_thousand_is_silent(w):
    a = Agenda(w)
    for u in range(1000):
        typos = a.random.choice([0] * 40 + [1, 1, 2])
        first = a.random.uniform(0, 7000)
        for n in range(typos):
            a.at(
                first + n * 9, lambda u=u, n=n: log_in(a, "198.18.9.9", f"user{u}", f"typo-{u}-{n}")
            )
        a.at(first + 40, lambda u=u: log_in(a, "198.18.9.9", f"user{u}", f"right-{u}", OK))
        if u % 50 == 0:
            a.every(
                300, 7200, lambda u=u: log_in(a, "198.18.9.9", f"user{u}x", f"old-{u}"), first, 0.1
            )
    a.play()
    return []


@case(may=("exposure",))
def outlook_that_tries_ntlm_before_each_login_is_silent(w):
    a = Agenda(w)
    from_ntlm = b64(b"NTLMSSP\0\1\0\0\0" + bytes(24))

    def both(place, u):
        s = hello(a.session(place), "NTLM LOGIN")
        s.talk(f"C: AUTH NTLM {from_ntlm}", "S: 535 5.7.3 Authentication unsuccessful")
        bye(login(s, f"user{u}", f"right-{u}", OK))

    for u in range(30):
        place = "192.0.2.1" if u < 20 else f"192.0.2.{u}"
        a.every(30 if u == 25 else 300, 3600, lambda p=place, u=u: both(p, u), u, 0.1)
    a.play()
    return []


ATTACKED = "2001:db8:5::25"


def botnet(a, count, gap, user="dave", first=0, mechanism="LOGIN", server=MX):
    """Each guesses once."""
    for n in range(count):
        client = f"{20 + n % 90}.{n % 250}.{n % 17}.{9 + n % 200}"
        name = user.format(n)
        if mechanism == "CRAM-MD5":
            a.at(first + n * gap, lambda c=client, u=name: log_in_cram(a, c, u))
        else:
            act = lambda c=client, u=name, n=n: log_in(a, c, u, f"guess-{n}", NO, server)
            a.at(first + n * gap, act)


@case(may=("exposure",))
def the_owner_in_his_64_under_attack_is_no_compromise(w):
    a = Agenda(w)
    a.every(1200, 3600, lambda: log_in(a, "2001:db8:c1::7", "dave", "right", OK, ATTACKED))
    botnet(a, 120, 20, first=3600)
    a.at(6500, lambda: log_in(a, "2001:db8:c1::fee:1", "dave", "right", OK, ATTACKED))
    a.play()
    return [("distributed", "account", "dave", {})]


@case(may=("exposure",))
def a_stranger_in_another_64_under_attack_is_a_compromise(w):
    a = Agenda(w)
    a.every(1200, 3600, lambda: log_in(a, "2001:db8:c1::7", "dave", "right", OK, ATTACKED))
    botnet(a, 120, 20, first=3600)
    a.at(6500, lambda: log_in(a, "2001:db8:bad::1", "dave", "right", OK, ATTACKED))
    a.play()
    return [("distributed", "account", "dave", {}), ("compromise", "account", "dave", {})]


@case(may=("exposure", "auth_spike"))
def a_botnet_with_one_guess_each_is_distributed(w):
    a = Agenda(w)
    botnet(a, 200, 15)
    a.play()
    return [("distributed", "account", "dave", {})]


@case(may=("exposure", "auth_spike"))
def a_botnet_with_one_unseen_guess_each_is_distributed(w):
    a = Agenda(w)
    botnet(a, 200, 15, mechanism="CRAM-MD5")
    a.play()
    return [("distributed", "account", "dave", {})]


@case(may=("exposure", "auth_spike"))
def a_botnet_with_one_guess_at_each_user_is_distributed(w):
    a = Agenda(w)
    botnet(a, 300, 10, "user{}")
    a.play()
    return [("distributed", "server", MX, {})]


@case(may=("exposure",))
def the_one_pair_of_a_list_that_works_is_a_compromise(w):
    a = Agenda(w)
    for n in range(90):
        reply = OK if n == 40 else NO
        act = lambda n=n, r=reply: log_in(a, "198.51.100.7", f"u{n}@x.example", f"pw{n}", r)
        a.at(n * 20, act)
    a.play()
    return [
        ("stuffing", "source", "198.51.100.7", {}),
        ("compromise", "account", "u40@x.example", {}),
    ]


@case(may=("exposure",))
def a_spray_of_one_password_each_quarter_of_an_hour_is_spray(w):
    a = Agenda(w)
    for n in range(40):
        a.at(n * 900, lambda n=n: log_in(a, "198.51.100.7", f"u{n}", "Autumn2026!"))
    a.play()
    return [("spray", "source", "198.51.100.7", {})]


def xoauth2(s, user, token, reply):
    bearer = b64(f"user={user}\1auth=Bearer {token}\1\1")
    if reply != OK:
        s.talk(f"C: AUTH XOAUTH2 {bearer}", f"S: 334 {b64('{}')}", "C: ", f"S: {reply}")
    else:
        s.talk(f"C: AUTH XOAUTH2 {bearer}", f"S: {reply}")
    return s


@case(may=("exposure",))
def a_guesser_who_gets_in_by_xoauth2_is_a_compromise(w):
    a = Agenda(w)
    for n in range(20):
        a.at(n * 5, lambda n=n: log_in(a, "198.51.100.7", "dave", f"guess-{n}"))

    def by_token():
        bye(xoauth2(hello(a.session("198.51.100.7"), "XOAUTH2"), "dave", "ya29", OK))

    a.at(120, by_token)
    a.play()
    return [
        ("bruteforce", "source", "198.51.100.7", {}),
        ("compromise", "account", "dave", {}),
    ]


@case(may=("exposure",))
def an_expired_token_before_each_fresh_one_is_silent(w):
    a = Agenda(w)

    def renew(n):
        s = hello(a.session(PHONE), "XOAUTH2")
        xoauth2(s, "dave@corp.example", f"old-{n}", NO)
        bye(xoauth2(s, "dave@corp.example", f"new-{n}", OK))

    for n in range(60):
        a.at(n * 300, lambda n=n: renew(n))
    a.play()
    return []


def send(s, sender, recipients, refused="", body="Subject: hi"):
    s.talk(f"C: MAIL FROM:<{sender}>", "S: 250 2.1.0 Ok")
    for to in recipients:
        s.talk(f"C: RCPT TO:<{to}>", f"S: {refused or '250 2.1.5 Ok'}")
    if not refused:
        s.talk("C: DATA", "S: 354 go", f"C: {body}\r\n\r\ntext\r\n.", "S: 250 2.0.0 Ok: queued")
    return s


@case(may=("exposure",))
def spam_from_another_address_after_a_guess_is_told_with_it(w):
    a = Agenda(w)
    for n in range(20):
        reply = OK if n == 19 else NO
        a.at(n * 5, lambda n=n, r=reply: log_in(a, "198.51.100.7", "dave@corp.example", f"g{n}", r))

    def spam(n):
        s = login(hello(a.session("198.51.100.200")), "dave@corp.example", "g19", OK)
        bye(send(s, "dave@corp.example", [f"x{n}-{k}@d{n}.example" for k in range(5)]))

    for n in range(60):
        a.at(600 + n * 3, lambda n=n: spam(n))
    a.play()
    return [
        ("bruteforce", "source", "198.51.100.7", {}),
        ("compromise", "account", "dave@corp.example", {}),
        ("relay_burst", "account", "dave@corp.example", {}),
    ]


@case(may=("exposure",))
def a_greylisting_server_is_silent(w):
    a = Agenda(w)
    for n in range(300):

        def deliver(
            n=n, refused="450 4.2.0 <bob@corp.example>: Recipient address rejected: Greylisted"
        ):
            s = hello(a.session(f"198.18.{n % 60}.7"))
            bye(send(s, f"x{n}@d{n % 60}.example", [f"bob{n % 40}@corp.example"], refused))

        a.at(n * 4, deliver)
        a.at(n * 4 + 400, lambda n=n, d=deliver: d(n, ""))
    a.play()
    return []


@case(may=("exposure",))
def scanners_that_mail_to_colleagues_are_silent(w):
    a = Agenda(w)
    for n in range(12):

        def scan(n=n):
            s = login(hello(a.session(f"10.0.0.{n}", "10.0.5.25")), f"scan{n}", "right", OK)
            bye(send(s, "scanner@corp.example", [f"u{a.random.randrange(60)}@corp.example"]))

        a.every(60, 7200, scan, n, 0.9)
    a.play()
    return []


def main():
    return CASES.main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")


if __name__ == "__main__":
    sys.exit(main())
