#!/usr/bin/env python3
"""Scripted dialogues, written as captures and replayed: each must leave exactly what it says.

usage: dialogues_test.py SMTAP   (prints TAP)

What servers say here is worded as real ones do.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from dialogues import CASES, b64, case, hello, login, one  # noqa: E402
from pcapgen import Session, Wire  # noqa: E402
import dialogues_wire  # noqa: E402, F401: adds its cases

TOLD = {
    "signature",
    "bruteforce",
    "spray",
    "stuffing",
    "distributed",
    "compromise",
    "stale_credential",
}


@case
def a_user_who_mistypes_twice_is_no_incident(w):
    s = hello(one(w))
    login(s, "carol", "secret-a1")
    login(s, "carol", "secret-a2")
    login(s, "carol", "secret-a3", "235 2.7.0 Authentication successful")
    s.close()
    return [("LOGIN", "carol", "failure")] * 2 + [("LOGIN", "carol", "success")], []


@case
def a_guesser_who_gets_in_is_bruteforce_and_compromise(w):
    for n in range(12):
        s = hello(one(w, sport=41000 + n))
        last = n == 11
        login(
            s,
            "dave",
            f"guess-{n:03}",
            "235 2.7.0 Authentication successful"
            if last
            else "535 5.7.8 Error: authentication failed: x",
        )
        s.close()
        w.wait(1)
    return (
        [("LOGIN", "dave", "failure")] * 11 + [("LOGIN", "dave", "success")],
        [("bruteforce", "source", "198.51.100.7"), ("compromise", "account", "dave")],
    )


@case
def one_password_over_many_accounts_is_a_spray(w):
    s = hello(one(w))
    for n in range(30):
        login(s, f"user{n:02}", "Winter2026!")
    s.close()
    return [("LOGIN", f"user{n:02}", "failure") for n in range(30)], [
        ("spray", "source", "198.51.100.7")
    ]


@case
def one_password_for_each_account_is_stuffing(w):
    s = hello(one(w))
    for n in range(40):
        login(s, f"user{n:02}@corp.example", f"leaked-{n * 7919}")
    s.close()
    return (
        [("LOGIN", f"user{n:02}@corp.example", "failure") for n in range(40)],
        [("stuffing", "source", "198.51.100.7")],
    )


@case
def a_printer_is_a_stale_credential_and_nothing_else(w):
    for n in range(40):
        login(hello(one(w, sport=42000 + n)), "printer", "old-secret").close()
        w.wait(300)
    return [("LOGIN", "printer", "failure")] * 40, [("stale_credential", "*", "*")]


@case
def many_sources_at_one_account_are_distributed(w):
    for n in range(60):
        login(hello(Session(w, f"198.51.{100 + n % 3}.{n + 1}")), "admin", f"guess-{n}").close()
        w.wait(2)
    return [("LOGIN", "admin", "failure")] * 60, [("distributed", "account", "admin")]


@case
def a_client_alone_is_heard(w):
    s = one(w)
    s.segment(0, 0x02)
    s.talk(
        "C: EHLO x",
        "C: AUTH LOGIN",
        f"C: {b64('bob')}",
        f"C: {b64('secret-a1')}",
        "C: AUTH LOGIN",
        f"C: {b64('bob')}",
        f"C: {b64('secret-a2')}",
        "C: QUIT",
    )
    return [("LOGIN", "bob", "unknown")] * 2, []


@case
def a_server_alone_is_heard(w):
    s = one(w)
    s.segment(1, 0x12)
    s.talk(
        "S: 220 mx ESMTP",
        "S: 250-mx\r\n250 AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        "S: 334 UGFzc3dvcmQ6",
        "S: 535 5.7.8 no",
        "S: 535 5.7.8 no",
        "S: 235 2.7.0 ok",
    )
    return [
        ("LOGIN", None, "failure"),
        ("UNKNOWN", None, "failure"),
        ("UNKNOWN", None, "success"),
    ], []


@case
def odd_usernames_stay_one_line_of_json(w):
    s = hello(one(w))
    login(s, "", "secret-a1")
    s.talk(
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        "C: " + b64(b"bo\x01b\xff\n\x1b[2J"),
        "S: 334 UGFzc3dvcmQ6",
        f"C: {b64('secret-a1')}",
        "S: 535 5.7.8 no",
    )
    login(s, "x" * 600, "secret-a1")
    s.close()
    return [
        ("LOGIN", "", "failure"),
        ("LOGIN", "bo\\x01b\\xFF\\x0A\\x1B[2J", "failure"),
        ("LOGIN", "x" * 255, "failure"),
    ], []


@case
def a_v6_prefix_full_of_sources_is_seen(w):
    for n in range(48):
        login(
            hello(Session(w, f"2001:db8:bad:1::{n + 1:x}", "2001:db8:5::25")),
            "admin" if n % 2 else "info",
            f"guess-{n}",
        ).close()
        w.wait(1)
    return (
        [("LOGIN", "admin" if n % 2 else "info", "failure") for n in range(48)],
        [("bruteforce", "prefix", "2001:db8:bad:1::/64"), ("distributed", "account", "*")],
    )


# Patterns of role signature, and a line that each must be seen in.
SIGNATURES = [
    (3100, ["C: RCPT TO:<root+${run{x}}@localhost>", "S: 550 no"]),
    (3101, ["C: MAIL FROM:<;id;>", "S: 553 no"]),
    (3102, ["C: MAIL FROM:<() { :; };id>", "S: 553 no"]),
    (3103, ["C: RCPT TO:<${jndi:ldap://x/a}@corp.example>", "S: 550 no"]),
]


@case
def a_signature_in_the_envelope_is_an_alert(w):
    for pattern, lines in SIGNATURES:
        hello(Session(w, f"198.51.100.{pattern - 3000}")).talk(*lines).close()
    return [], [("signature", "source", f"198.51.100.{p - 3000}") for p, _ in SIGNATURES]


def run(smtap, function, workers):
    wire = Wire()
    attempts, incidents = function(wire)
    with tempfile.TemporaryDirectory() as out:
        wire.write(f"{out}/in.pcap")
        r = subprocess.run(
            [smtap, "replay", "--workers", str(workers), "-o", f"{out}/o", f"{out}/in.pcap"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        if r.returncode:
            return [f"exit status {r.returncode}: {r.stderr.strip()}"]
        text = pathlib.Path(out, "o/eve.json").read_text()
    events = [json.loads(line) for line in text.splitlines()]
    off = []
    key = lambda a: tuple(str(x) for x in a)
    got = [
        (e["smtp_auth"]["mechanism"], e["smtp_auth"].get("username"), e["smtp_auth"]["outcome"])
        for e in events
        if e["event_type"] == "smtp_auth"
    ]
    if sorted(got, key=key) != sorted(attempts, key=key):
        off.append(f"attempts {got}, not {attempts}")
    found = {
        (e["smtap"]["detector"], e["smtap"]["subject_type"], e["smtap"]["subject"])
        for e in events
        if e["event_type"] == "alert" and e["smtap"]["detector"] in TOLD
    }
    hit = lambda want, f: all(p in ("*", v) for p, v in zip(want, f))
    off += [f"missed {m}" for m in incidents if not any(hit(m, f) for f in found)]
    off += [f"false alert {f}" for f in sorted(found) if not any(hit(m, f) for m in incidents)]
    for secret in ("secret-a1", "guess-0", "Winter2026!", "leaked-7919", "old-secret", "geheim-a1"):
        if secret in text + r.stdout or b64(secret).rstrip("=") in text + r.stdout:
            off.append(f"{secret} leaked")
    return off


def main():
    smtap = sys.argv[1]
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    chosen = [c for c in CASES if only in c.__name__]
    print(f"1..{len(chosen)}")
    bad = 0
    for number, function in enumerate(chosen, 1):
        off = run(smtap, function, getattr(function, "workers", 1 + number % 2))
        bad += bool(off)
        print(f"{'not ok' if off else 'ok'} {number} - {function.__name__}")
        for line in off:
            print(f"# {line}")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
