#!/usr/bin/env python3
"""Scripted captures of a site with public addresses, with and without site.local_nets: what is
known from the first packet, what is learned, and what the alerts then say.

usage: site_test.py SMTAP   (prints TAP)
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from dialogues import hello, login  # noqa: E402
from golden import SHARED, Tap  # noqa: E402
from pcapgen import Session, Wire  # noqa: E402

NETS = "site:\n  local_nets: [203.0.113.0/24, '2001:db8:5::/48']\n"
MX = "203.0.113.25"
ZEN = (
    "554 5.7.1 Service unavailable; Client host [{0}] blocked using zen.spamhaus.org; "
    "https://www.spamhaus.org/query/ip/{0}"
)
BARRACUDA = "554 5.7.1 Client host [{0}] blocked using b.barracudacentral.org"


def replay(smtap, draw, config, workers=1):
    """EVE lines as text, and the report."""
    wire = Wire()
    draw(wire)
    with tempfile.TemporaryDirectory() as out:
        wire.write(f"{out}/in.pcap")
        pathlib.Path(out, "smtap.yaml").write_text(config, encoding="utf-8")
        return replay_file(smtap, f"{out}/in.pcap", out, workers)


def replay_file(smtap, capture, out, workers=1):
    pathlib.Path(out, "smtap.yaml").touch()
    done = subprocess.run(
        [smtap, "replay", "-c", f"{out}/smtap.yaml", "--workers", str(workers), "-o", f"{out}/o"]
        + [str(capture)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return pathlib.Path(out, "o/eve.json").read_text(encoding="utf-8"), done.stdout


def last_alerts(text, detector):
    """Subject: the last alert of each finding of a detector."""
    lines = map(json.loads, text.splitlines())
    alerts = [e["smtap"] for e in lines if e["event_type"] == "alert"]
    return {a["subject"]: a for a in alerts if a["detector"] == detector}


def deliver(wire, client, server, sport, refusal=None):
    s = Session(wire, client, server, sport=sport).open()
    s.talk("S: 220 mx.other.example ESMTP", "C: EHLO mail.corp.example", "S: 250 mx.other.example")
    s.talk("C: MAIL FROM:<a@corp.example>", "S: 250 2.1.0 Ok", f"C: RCPT TO:<x@d{sport}.example>")
    if refusal:
        s.talk("S: " + refusal.format(client))
    else:
        s.talk("S: 250 2.1.5 Ok", "C: DATA", "S: 354 go ahead")
        s.talk("C: Subject: x\r\n\r\nhello\r\n.", "S: 250 2.0.0 Ok: queued")
    s.talk("C: QUIT", "S: 221 2.0.0 Bye").close()
    wire.wait(2)


def fan_out(client, net):
    def draw(wire):
        for n in range(40):
            deliver(wire, client, net.format(n + 1), 30000 + n)

    return draw


def refused(wire):
    for n in range(3):
        deliver(wire, MX, f"198.51.100.{n + 1}", 30000 + n, ZEN)
    deliver(wire, MX, "198.51.100.9", 30009, BARRACUDA)


def login_first(wire):
    """Somebody from outside logs in, which makes the server's network ours."""
    s = hello(Session(wire, "192.0.2.7", MX))
    login(s, "carol", "secret-a1", "235 2.7.0 Authentication successful")
    s.close()
    wire.wait(5)
    refused(wire)


def check(off, what, got, want):
    if got != want:
        off.append(f"{what}: {got!r}, not {want!r}")


def fanout_case(smtap, client, net, config, local):
    """local None: nothing is to be found."""
    off = []
    found = last_alerts(replay(smtap, fan_out(client, net), config)[0], "outbound_fanout")
    check(off, "subjects", list(found), [client] if local else [])
    for alert in found.values():
        check(off, "local", alert["local"], local)
        check(off, "sources", [t["name"] for t in alert["top_sources"]], [client])
        if alert["targets"] < 30:
            off.append(f"{alert['targets']} targets")
    return off


def blocklisted_case(smtap, draw, config, local):
    off = []
    text, report = replay(smtap, draw, config)
    check(off, "two workers", replay(smtap, draw, config, 2)[0] == text, True)
    found = last_alerts(text, "blocklisted")
    check(off, "subjects", list(found), [MX] if local else [])
    for alert in found.values():
        check(off, "local", alert["local"], local)
        check(off, "blocklist", alert["blocklist"], ["Spamhaus ZEN", "Barracuda"])
        check(off, "listed", alert["listed"], MX)
        check(off, "refusals", alert["attempts"], 4)
        check(off, "servers", alert["targets"], 4)
        check(off, "page", alert["refusal_url"], f"https://www.spamhaus.org/query/ip/{MX}")
        words = " ".join(report.split())
        for where, said in (("advice", alert["advice"]), ("report", words)):
            for part in (
                f"Listed by Spamhaus ZEN, Barracuda: {MX}, by the word of 4 servers.",
                "https://check.spamhaus.org/ (Spamhaus ZEN)",
                "https://www.barracudacentral.org/rbl/removal-request (Barracuda)",
            ):
                if part not in said:
                    off.append(f"{where} lacks {part!r}")
        check(off, "says learned", "learned from the traffic" in words, local == "learned")
    return off


def less_sure_when_learned(smtap):
    sure = last_alerts(replay(smtap, login_first, NETS)[0], "blocklisted")[MX]["confidence"]
    learned = last_alerts(replay(smtap, login_first, "")[0], "blocklisted")[MX]["confidence"]
    return [] if learned < sure else [f"{learned} when learned, {sure} when configured"]


def abusers_are_the_sources(smtap, capture):
    """Corpus 10: three addresses use the relay; what proves it are the relay's own deliveries."""
    relay, off = "203.0.113.30", []
    with tempfile.TemporaryDirectory() as out:
        text, _ = replay_file(smtap, capture, out)
    found = last_alerts(text, "open_relay")
    check(off, "subjects", list(found), [relay])
    for alert in found.values():
        names = sorted(t["name"] for t in alert["top_sources"])
        check(off, "sources", names, [f"198.51.100.{n}" for n in (155, 156, 157)])
        check(off, "targets", [t["name"] for t in alert["top_targets"]], [relay])
    flows = {
        (e["src_ip"], e["dest_ip"])
        for e in map(json.loads, text.splitlines())
        if e["event_type"] == "alert" and e["smtap"]["detector"] == "open_relay"
    }
    off += [f"an alert of {flow}" for flow in flows if flow[1] != relay]
    return off


def main():
    smtap, tap = sys.argv[1], Tap()
    v4, v6 = ("203.0.113.77", "198.51.100.{}"), ("2001:db8:5::77", "2001:db8:bad:{:x}::25")
    tap.point(
        "a_public_host_fans_out_from_the_first_packet", fanout_case(smtap, *v4, NETS, "configured")
    )
    tap.point("so_does_one_in_ipv6", fanout_case(smtap, *v6, NETS, "configured"))
    tap.point("nobody_knows_whose_it_is_without_local_nets", fanout_case(smtap, *v4, "", None))
    tap.point("a_private_host_is_ours_anyway", fanout_case(smtap, "10.1.2.3", v4[1], "", "learned"))
    tap.point(
        "a_stranger_who_fans_out_past_the_tap_is_not",
        fanout_case(smtap, "192.0.2.77", v4[1], NETS, None),
    )
    tap.point(
        "the_first_refusals_name_list_address_and_page",
        blocklisted_case(smtap, refused, NETS, "configured"),
    )
    tap.point(
        "nobody_knows_whom_they_refuse_without_local_nets",
        blocklisted_case(smtap, refused, "", None),
    )
    tap.point("after_a_login_it_is_learned", blocklisted_case(smtap, login_first, "", "learned"))
    tap.point("what_is_learned_is_less_sure", less_sure_when_learned(smtap))
    name = "who_abuses_an_open_relay_is_the_source"
    capture = SHARED / "corpus" / "10-open-relay-probe-abuse.pcap"
    if capture.exists():
        tap.point(name, abusers_are_the_sources(smtap, capture))
    else:
        tap.skip(name, "no ../shared/corpus")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
