#!/usr/bin/env python3
"""One attack on the wire, from scan to blocklist, is one incident; strangers' attacks are not.

usage: chain_test.py SMTAP   (prints TAP)

The capture is scripted: 198.51.100.9 looks at twenty servers, comes back five hours later and
guesses dave's password; 192.0.2.66 sends spam with it; bounces come back from many servers; a
remote server refuses ours. Meanwhile somebody else guesses at eve's.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from dialogues import hello, login  # noqa: E402
from golden import Tap  # noqa: E402
from pcapgen import Session, Wire  # noqa: E402

MX = "203.0.113.25"
GUESSER, SPAMMER, STRANGER = "198.51.100.9", "192.0.2.66", "198.51.100.200"
STAGES = ("scan", "guessing", "success", "relay", "bounces", "blocklisted")
SECRETS = ("guess-", "the-right-1")


def banner(s):
    return s.open().talk("S: 220 mx1.corp.example ESMTP Postfix")


def scan(w):
    for n in range(1, 21):
        s = Session(w, GUESSER, server=f"203.0.113.{n}")
        banner(s).close()
        w.wait(1)


def guess(w, source, user, last):
    """Ten attempts a connection, as hydra makes them."""
    for connection in range(7):
        s = hello(Session(w, source, sport=41000 + connection))
        for n in range(10):
            login(s, user, f"guess-{connection}-{n}")
            w.wait(0.5)
        if connection == 6 and last:
            login(s, user, last, "235 2.7.0 Authentication successful")
        s.close()


def envelope(s, sender, recipients):
    s.talk(f"C: MAIL FROM:<{sender}>", "S: 250 2.1.0 Ok")
    for one in recipients:
        s.talk(f"C: RCPT TO:<{one}>", "S: 250 2.1.5 Ok")
    return s.talk("C: DATA", "S: 354 End data with <CR><LF>.<CR><LF>")


def spam(w):
    for mail in range(12):
        s = hello(Session(w, SPAMMER, sport=42000 + mail))
        login(s, "dave", "the-right-1", "235 2.7.0 Authentication successful")
        envelope(s, "dave@corp.example", [f"v{mail}x{n}@dom{n}.example" for n in range(8)])
        s.talk("C: Subject: your invoice", "C: ", "C: pay", "C: .", "S: 250 2.0.0 Ok: queued")
        s.close()
        w.wait(2)


def bounces(w):
    for n in range(60):
        s = Session(w, f"192.0.2.{100 + n % 50}", sport=43000 + n)
        banner(s).talk("C: EHLO mx.dom.example", "S: 250 mx1.corp.example")
        envelope(s, "", ["dave@corp.example"])
        s.talk(
            "C: Subject: Undelivered Mail Returned to Sender",
            "C: Content-Type: multipart/report; report-type=delivery-status; boundary=b",
            "C: ",
            "C: --b",
            "C: .",
            "S: 250 2.0.0 Ok: queued",
        ).close()
        w.wait(1)


def blocklisted(w):
    s = Session(w, MX, server="192.0.2.210", sport=44000)
    s.open().talk(
        "S: 220 mx.dom.example ESMTP Postfix",
        "C: EHLO mx1.corp.example",
        "S: 250 mx.dom.example",
        "C: MAIL FROM:<dave@corp.example>",
        "S: 250 2.1.0 Ok",
        "C: RCPT TO:<a@dom.example>",
        f"S: 554 5.7.1 Service unavailable; Client host [{MX}] blocked using zen.spamhaus.org; "
        f"https://www.spamhaus.org/query/ip/{MX}",
    ).close()


def story():
    w = Wire()
    scan(w)
    w.wait(5 * 3600)
    guess(w, GUESSER, "dave", "the-right-1")
    guess(w, STRANGER, "eve", None)
    spam(w)
    bounces(w)
    blocklisted(w)
    w.wait(3600)
    banner(Session(w, "192.0.2.99", server="203.0.113.26")).close()
    return w


def replay(smtap, capture, workers, out):
    r = subprocess.run(
        [smtap, "replay", "--workers", str(workers), "-o", out, capture],
        capture_output=True,
        text=True,
        timeout=120,
    )
    text = pathlib.Path(out, "eve.json").read_text(encoding="utf-8")
    alerts = [json.loads(line) for line in text.splitlines() if '"event_type":"alert"' in line]
    return r, text, [a for a in alerts if a["smtap"]["detector"] not in ("exposure", "signature")]


def rising(mine):
    """Severity and stage of each line never fall back; one opens, the last closes."""
    severity, stage = 4, 0
    for alert in mine:
        if alert["alert"]["severity"] > severity:
            yield f"severity fell to {alert['alert']['severity']}"
        if STAGES.index(alert["smtap"]["incident"]["stage"]) < stage:
            yield f"the stage fell back to {alert['smtap']['incident']['stage']}"
        severity = alert["alert"]["severity"]
        stage = STAGES.index(alert["smtap"]["incident"]["stage"])
    if severity != 1:
        yield f"severity {severity} at the end"
    if mine[0]["smtap"]["state"] != "open" or mine[-1]["smtap"]["state"] != "closed":
        yield "it does not open with its first line and close with its last"


def told(alert):
    """The timeline and what to do, of the last line."""
    incident = alert["smtap"]["incident"]
    if tuple(s["stage"] for s in incident["stages"]) != STAGES:
        yield f"stages {[s['stage'] for s in incident['stages']]}"
    begun = [s["first_seen"] for s in incident["stages"]]
    if begun != sorted(begun):
        yield f"the timeline is not in order: {begun}"
    advice = {a["stage"]: a["text"] for a in incident["advice"]}
    for stage, words in (
        ("guessing", GUESSER),
        ("success", "Change the password of dave"),
        ("relay", SPAMMER),
        ("relay", f"queue of {MX}"),
        ("bounces", "dave@corp.example"),
        ("blocklisted", f"delist {MX}"),
    ):
        if words not in advice.get(stage, ""):
            yield f"{stage}: nothing of {words} in {advice.get(stage)}"


def check(tap, r, text, alerts):
    tap.point("it runs", [] if r.returncode == 0 else [r.stderr])
    ids = {a["smtap"]["incident_id"] for a in alerts if a["smtap"]["subject"] != STRANGER}
    tap.point("the attack is one incident", [] if len(ids) == 1 else [f"incidents {sorted(ids)}"])
    mine = [a for a in alerts if a["smtap"]["incident_id"] in ids]
    found = {a["smtap"].get("stage") for a in mine}
    missing = [f"no finding of stage {s}" for s in STAGES if s not in found]
    tap.point("each stage has a finding", missing)
    tap.point("it rises from open to closed", list(rising(mine)))
    tap.point("the last line tells it all", list(told(mine[-1])))
    strangers = {a["smtap"]["incident_id"] for a in alerts if a["smtap"]["subject"] == STRANGER}
    tap.point(
        "the stranger has an incident of his own",
        [] if len(strangers) == 1 and not strangers & ids else [f"{strangers} and {ids}"],
    )
    leaks = [f"{s} is in the output" for s in SECRETS if s in text + r.stdout]
    tap.point("no password is told", leaks)


def main():
    smtap = sys.argv[1]
    tap = Tap()
    with tempfile.TemporaryDirectory() as out:
        capture = f"{out}/story.pcap"
        story().write(capture)
        r, text, alerts = replay(smtap, capture, 1, f"{out}/1")
        check(tap, r, text, alerts)
        _, again, _ = replay(smtap, capture, 2, f"{out}/2")
        tap.point("two workers write the same", [] if text == again else ["eve.json differs"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
