#!/usr/bin/env python3
"""Countries and autonomous systems in alerts and reports, from outside.

usage: enrich_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from golden import GOLDEN  # noqa: E402
from harness import (  # noqa: E402
    case,
    events,
    expect,
    expect_one_line,
    expect_status,
    folder,
    main,
    replay,
)
from mmdb import databases  # noqa: E402

# 198.51.100.17 guesses dave's password and then sends through 203.0.113.25.
CAPTURE = str(GOLDEN / "17-base-bf-success-relay.pcap")
SOURCE = "198.51.100.17"
PLACE = {"country": "NL", "asn": 64500, "as_org": "Example Hosting"}
KEYS = {"source_country", "source_asn", "source_as_org", "country", "asn", "as_org"}


def configuration(f, country=None, asn=None):
    """The path of a configuration with these databases, by name or as bytes."""
    lines = ["enrich:"]
    for key, data in (("country_db", country), ("asn_db", asn)):
        if data is not None:
            data = databases()[data] if isinstance(data, str) else data
            lines.append(f"  {key}: {f.put(key + '.mmdb', data)}")
    return f.put("smtap.yaml", "\n".join(lines + [""]).encode())


def run(f, *args, **dbs):
    r = replay("-c", configuration(f, **dbs), "-o", f.output(), *args, CAPTURE)
    expect_status(r, 0)
    expect(not r.stderr, f"it says {r.stderr!r}")
    return r.stdout, events(f.eve())


def keys_of(value):
    if isinstance(value, dict):
        return set(value) | {k for v in value.values() for k in keys_of(v)}
    return {k for v in value for k in keys_of(v)} if isinstance(value, list) else set()


@case
def alerts_say_where_the_source_is_and_whose_it_is():
    with folder() as f:
        _, lines = run(f, country="country-28", asn="asn-24")
        alerts = [e["smtap"] for e in lines if e["event_type"] == "alert"]
        expect({a["detector"] for a in alerts} >= {"bruteforce", "compromise"}, alerts)
        for a in alerts:
            own = {k: a.get(f"source_{k}") for k in PLACE}
            wanted = PLACE if a["subject"] == SOURCE else dict.fromkeys(PLACE)
            expect(own == wanted, f"{a['detector']}: {own}")
            for top in a["top_sources"]:
                if top["name"] == SOURCE:
                    expect({k: top.get(k) for k in PLACE} == PLACE, top)
            for top in a["top_targets"] + a["top_accounts"]:
                expect(not KEYS & set(top), top)
        expect(lines[-1]["smtap"]["counters"]["enrich_errors"] == 0, "errors")


@case
def the_report_says_it_behind_the_address():
    with folder() as f:
        text, _ = run(f, country="country-32", asn="asn-32")
        flat = " ".join(text.split())
        expect(f"{SOURCE} (NL, AS64500 Example Hosting) tried" in flat, text)
        report, _ = run(f, "--format", "json", country="country-32", asn="asn-32")
        found = [e for i in json.loads(report)["incidents"] for e in i["evidence"]]
        own = [{k: e[f"source_{k}"] for k in PLACE} for e in found if e["subject"] == SOURCE]
        expect(own and all(o == PLACE for o in own), own)


@case
def the_page_says_it_behind_the_attacker_and_under_the_source():
    with folder() as f:
        run(f, "--report", country="country-32", asn="asn-32")
        page = (pathlib.Path(f.output()) / "report.html").read_text()
        place = "<bdi>NL, AS64500 Example Hosting</bdi>"
        for text in (
            f"<bdi>{SOURCE}</bdi> ({place}) guessed",
            f'<bdi>{SOURCE}</bdi><br><span class="soft">{place}',
        ):
            expect(text in page, f"{text} is not in the page")


@case
def one_database_alone_says_what_it_knows():
    with folder() as f:
        text, lines = run(f, country="country-v4-24")
        expect(f"{SOURCE} (NL) tried" in " ".join(text.split()), text)
        expect("asn" not in keys_of(lines), "an autonomous system")
    with folder() as f:
        text, lines = run(f, asn="asn-28")
        expect(f"{SOURCE} (AS64500 Example Hosting) tried" in " ".join(text.split()), text)
        expect("country" not in keys_of(lines), "a country")


@case
def without_databases_nothing_is_said_of_places():
    with folder() as f:
        text, lines = run(f)
        expect(not KEYS & keys_of(lines), KEYS & keys_of(lines))
        expect(f"{SOURCE} tried" in text, text)


@case
def damage_that_a_look_up_meets_is_counted_and_said():
    with folder() as f:
        data = databases()["country-28"]
        text, lines = run(f, country=data.replace(b"BNL", b"Bnl"))
        expect("source_country" not in keys_of(lines), "a country that is none")
        expect(lines[-1]["smtap"]["counters"]["enrich_errors"] > 0, "the damage is not counted")
        expect("met damage in a database" in text, text)


def refused(name, make, *words):
    def check():
        with folder() as f:
            config, path = make(f)
            r = replay("-c", config, "-o", f.output(), CAPTURE)
            expect_one_line(r, 2, path, *words)
            expect(not (f.path / "out").exists(), "an output folder was made all the same")

    check.__name__ = name
    case(check)


def missing(f):
    return f.put("smtap.yaml", b"enrich: {country_db: /no/such.mmdb}\n"), "/no/such.mmdb"


def holding(key, data):
    def make(f):
        return configuration(f, **{key: data}), str(f.path / f"{key}_db.mmdb")

    return make


refused("a_missing_database_is_named", missing, "enrich.country_db", "No such file")
refused(
    "a_cut_database_is_named",
    holding("asn", databases()["asn-28"][:900]),
    "enrich.asn_db",
    "not a MaxMind DB, or damaged",
)
refused(
    "a_file_that_is_no_database_is_named",
    holding("country", b"network,country\n"),
    "enrich.country_db",
    "not a MaxMind DB",
)
refused(
    "a_database_of_another_kind_is_named",
    holding("asn", "country-28"),
    "enrich.asn_db",
    "autonomous systems",
    "GeoLite2-Country",
)


if __name__ == "__main__":
    sys.exit(main())
