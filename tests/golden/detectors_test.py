#!/usr/bin/env python3
"""Scripted captures for detectors that the corpus and the dialogues have no attack for, each with
its honest look-alike: the alerts are exactly those that the case names.

usage: detectors_test.py SMTAP [WORD]   (prints TAP)
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from cases import Cases  # noqa: E402
from dialogues import hello, login  # noqa: E402
from pcapgen import Session  # noqa: E402

MX = "203.0.113.25"
BOB = "bob@corp.example"
CASES = Cases()
case = CASES.case


def greet(s, helo="client.example", banner="ESMTP Postfix", offers=("SIZE",)):
    lines = ["mx1.corp.example", *offers]
    reply = "\r\n".join(f"250-{x}" for x in lines[:-1]) + f"\r\n250 {lines[-1]}"
    return s.open().talk(f"S: 220 mx1.corp.example {banner}", f"C: EHLO {helo}", f"S: {reply}")


def bye(s):
    return s.talk("C: QUIT", "S: 221 2.0.0 Bye").close()


def mail(s, sender, to, header):
    return s.talk(
        f"C: MAIL FROM:<{sender}>",
        "S: 250 2.1.0 Ok",
        f"C: RCPT TO:<{to}>",
        "S: 250 2.1.5 Ok",
        "C: DATA",
        "S: 354 End data with <CR><LF>.<CR><LF>",
        f"C: {header}\r\n\r\ntext\r\n.",
        "S: 250 2.0.0 Ok: queued",
    )


@case()
def a_bot_with_a_new_name_each_time_is_helo_churn(w):
    for n in range(30):
        s = greet(Session(w, "198.51.100.7", sport=41000 + n), f"pc{n * 7919}.example")
        bye(mail(s, "x@evil.example", BOB, "Subject: hi"))
        w.wait(20)
    return [("helo_churn", "prefix", "198.51.100.0/24", {})]


@case()
def a_network_of_servers_with_a_name_each_is_none(w):
    for n in range(60):
        s = greet(Session(w, f"198.51.100.{1 + n % 30}", sport=41000 + n), f"out{n % 30}.example")
        bye(mail(s, "x@list.example", BOB, "Subject: hi"))
        w.wait(20)
    return []


def together(w, sessions, minutes, last):
    """All are open at once; each has its last words when the minutes are over."""
    all_of_them = [greet(Session(w, "198.51.100.7", sport=42000 + n)) for n in range(sessions)]
    for _ in range(minutes):
        w.wait(60)
    for s in all_of_them:
        bye(last(s))
    w.wait(1)


@case()
def slots_held_for_minutes_are_long_sessions(w):
    together(w, 12, 4, lambda s: s.talk("C: NOOP", "S: 250 2.0.0 Ok"))
    return [("long_session", "source", "198.51.100.7", {})]


@case()
def slow_deliveries_are_no_long_sessions(w):
    together(w, 12, 4, lambda s: mail(s, "x@list.example", BOB, "Subject: hi"))
    return []


def honest_day(w, hours):
    for n in range(hours * 2):
        s = hello(Session(w, f"192.0.2.{1 + n % 200}", sport=43000 + n))
        if n % 10 == 0:
            login(s, f"user{n % 200}", f"typo-{n}")
        login(s, f"user{n % 200}", "right-one", "235 2.7.0 Authentication successful")
        bye(s)
        w.wait(1800)


def from_everywhere(w, count, gap):
    for n in range(count):
        s = hello(Session(w, f"{20 + n % 90}.{n % 250}.{n % 17}.9", sport=44000))
        bye(login(s, f"victim{n % 280}", f"guess-{n}"))
        w.wait(gap)


@case(may=("exposure", "distributed", "slow"))
def failures_from_everywhere_above_a_days_baseline_are_a_spike(w):
    honest_day(w, 27)
    from_everywhere(w, 300, 2.5)
    return [("auth_spike", "server", MX, {})]


@case(may=("exposure", "distributed", "slow"))
def the_same_without_a_day_of_baseline_is_none(w):
    honest_day(w, 10)
    from_everywhere(w, 300, 2.5)
    return []


@case()
def the_same_peer_that_bounces_on_and_on_is_a_loop(w):
    for n in range(60):
        s = greet(Session(w, "192.0.2.7", sport=45000 + n))
        bye(mail(s, "", BOB, "From: MAILER-DAEMON@out.example\r\nSubject: failure notice"))
        w.wait(5)
    return [("bounce_wave", "account", BOB, {"bounces": "loop"})]


@case()
def bounces_from_many_servers_are_backscatter(w):
    report = "Content-Type: multipart/report;\r\n report-type=delivery-status; boundary=x"
    for n in range(60):
        s = greet(Session(w, f"192.0.{n % 30}.7", sport=45000 + n))
        bye(mail(s, "", BOB, report))
        w.wait(5)
    return [("bounce_wave", "account", BOB, {"bounces": "backscatter"})]


@case()
def automatic_answers_are_no_bounces(w):
    for n in range(60):
        s = greet(Session(w, f"192.0.{n % 30}.7", sport=45000 + n))
        bye(mail(s, "", BOB, "Auto-Submitted: auto-replied\r\nSubject: Out of office"))
        w.wait(5)
    return []


@case()
def an_old_server_behind_a_firewall_that_inspects_is_exposed_thrice(w):
    for n in range(3):
        s = Session(w, "192.0.2.7", sport=46000 + n)
        bye(greet(s, banner="ESMTP Exim 4.92 #2", offers=("XXXXXXXA", "AUTH LOGIN")))
        w.wait(600)
    return [
        ("exposure", "server", MX, {"exposure": [kind]})
        for kind in ("clear_auth", "old_version", "mangled_starttls")
    ]


@case()
def starttls_that_does_not_arrive_is_mangled(w):
    s = greet(Session(w, "192.0.2.7"), offers=("STARTTLS", "SIZE"))
    bye(s.talk("C: XXXXXXXX", "S: 500 5.5.1 Command unrecognized"))
    return [("exposure", "server", MX, {"exposure": ["mangled_starttls"]})]


@case()
def a_server_as_it_should_be_is_not_exposed(w):
    s = greet(Session(w, "192.0.2.7"), offers=("STARTTLS", "SIZE"), banner="ESMTP Exim 4.98")
    bye(s.talk("C: STARTTLS", "S: 454 4.7.0 TLS not available due to local problem"))
    return []


@case(may=("exposure",))
def a_try_in_eleven_minutes_is_slow(w):
    for n in range(30):
        bye(login(hello(Session(w, "198.51.100.7", sport=47000 + n)), "dave", f"guess-{n}"))
        w.wait(660)
    return [("slow", "source", "198.51.100.7", {})]


@case(may=("exposure",))
def a_stale_phone_and_a_stale_laptop_are_not_slow(w):
    for n in range(60):
        bye(login(hello(Session(w, "198.51.100.7", sport=47000 + n)), "dave", f"old-{n % 2}"))
        w.wait(660)
    return []


@case(may=("exposure",))
def a_fresh_64_for_each_try_is_a_56(w):
    for n in range(60):
        s = hello(Session(w, f"2001:db8:bad:{n:x}::1", "2001:db8:5::25"))
        bye(login(s, f"user{n % 9}", f"guess-{n}"))
        w.wait(60)
    return [("distributed", "prefix", "2001:db8:bad::/56", {})]


def ask(s, sender, names, reply, each=False):
    """Ask for users; each: in a transaction of its own."""
    for n, name in enumerate(names):
        if n == 0 or each:
            s.talk(*(["C: RSET", "S: 250 2.0.0 Ok"] if n else []))
            s.talk(f"C: MAIL FROM:<{sender}>", "S: 250 2.1.0 Ok")
        s.talk(f"C: RCPT TO:<{name}>", f"S: {reply.format(name)}")
    return s


def refused(w, reply, sender="x@evil.example", count=60):
    for n in range(count):
        s = greet(Session(w, "198.51.100.7", sport=48000 + n), banner="ESMTP Exim 4.98")
        bye(ask(s, sender, [f"user{n}@corp.example"], reply))
        w.wait(5)
    return []


@case()
def who_may_not_relay_asks_for_no_users(w):
    return refused(w, "550 relay not permitted")


@case()
def nor_does_he_whom_qmail_does_not_relay_for(w):
    return refused(w, "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)")


@case()
def a_sender_on_a_blocklist_asks_for_no_users(w):
    return refused(w, "550 198.51.100.7 is listed at zen.example (127.0.0.4)")


@case()
def a_sender_that_does_not_verify_asks_for_no_users(w):
    return refused(w, "550-Verification failed for <x@evil.example>\r\n550 Sender verify failed")


@case()
def a_sender_whose_domain_is_not_there_asks_for_no_users(w):
    return refused(w, "550 5.1.8 <x@evil.example>: Sender address rejected: Domain not found")


@case()
def users_called_like_a_policy_are_asked_for_all_the_same(w):
    names = [f"{w}{n}@corp.example" for n in range(15) for w in ("relay", "spam")]
    s = greet(Session(w, "198.51.100.7"))
    bye(ask(s, "x@evil.example", names, "550 <{}>: no such user here"))
    return [("enumeration", "source", "198.51.100.7", {})]


@case()
def a_null_sender_with_many_recipients_asks_for_users(w):
    names = [f"user{n}@corp.example" for n in range(30)]
    s = greet(Session(w, "198.51.100.7"))
    bye(ask(s, "", names, "550 5.1.1 <{}>: User unknown"))
    return [("enumeration", "source", "198.51.100.7", {})]


@case()
def one_that_asks_for_hundreds_is_no_wave_of_bounces(w):
    names = [f"user{n}@corp.example" for n in range(300)]
    for n in range(3):
        s = greet(Session(w, "198.51.100.7", sport=49000 + n))
        some = names[n * 100 : n * 100 + 100]
        bye(ask(s, "", some, "550 5.1.1 <{}>: User unknown", each=True))
        w.wait(5)
    return [("enumeration", "source", "198.51.100.7", {})]


@case()
def bounces_of_a_newsletter_with_an_address_for_each_reader_are_no_wave(w):
    report = "Content-Type: multipart/report;\r\n report-type=delivery-status; boundary=x"
    for n in range(150):
        s = greet(Session(w, f"192.0.{n % 100}.7", sport=50000 + n))
        bye(mail(s, "", f"bounces+reader{n}=home{n}.example@corp.example", report))
        w.wait(3)
    return []


@case()
def a_monitor_that_verifies_one_user_a_minute_asks_for_no_users(w):
    for n in range(1000):
        s = greet(Session(w, "198.51.100.7", sport=20000 + n))
        bye(s.talk("C: VRFY postmaster", "S: 252 2.0.0 postmaster"))
        w.wait(60)
    return []


@case()
def vrfy_of_thirty_names_asks_for_users(w):
    s = greet(Session(w, "198.51.100.7"))
    for n in range(30):
        s.talk(f"C: VRFY user{n}", "S: 550 5.1.1 User unknown" if n % 7 else "S: 252 2.0.0 ok")
    bye(s)
    return [("enumeration", "source", "198.51.100.7", {})]


@case()
def vrfy_of_one_new_name_in_each_connection_asks_for_users(w):
    for n in range(60):
        s = greet(Session(w, "198.51.100.7", sport=20000 + n))
        bye(s.talk(f"C: VRFY user{n}", "S: 252 2.0.0 cannot say"))
        w.wait(20)
    return [("enumeration", "source", "198.51.100.7", {})]


@case()
def slots_still_held_when_the_capture_ends_are_long_sessions(w):
    for n in range(12):
        greet(Session(w, "198.51.100.7", sport=42000 + n))
    w.wait(240)
    bye(greet(Session(w, "192.0.2.9")))
    return [("long_session", "source", "198.51.100.7", {})]


def main():
    return CASES.main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")


if __name__ == "__main__":
    sys.exit(main())
