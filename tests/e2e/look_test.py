#!/usr/bin/env python3
"""smtap incidents, sources and accounts: what a run put into its store, and what it could not.

usage: look_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import harness  # noqa: E402
from formats import pcap  # noqa: E402
from golden import GOLDEN  # noqa: E402
from harness import (  # noqa: E402
    Skip,
    b64,
    case,
    events,
    expect,
    expect_one_line,
    expect_status,
    folder,
    main,
    replay,
    smtap,
)
from pcapgen import Session, Wire  # noqa: E402

# 198.51.100.17 guesses dave's password and then sends through the server.
CAPTURE = str(GOLDEN / "17-base-bf-success-relay.pcap")


def look(f, *args, status=0):
    r = smtap(*args, "-o", f.output())
    expect_status(r, status)
    return r.stdout


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def ran(f):
    expect_status(replay("-o", f.output(), CAPTURE), 0)
    return events(f.eve(), "alert")


@case
def every_alert_is_exported_as_the_line_that_it_was():
    with folder() as f:
        ran(f)
        alerts = [x for x in f.eve().splitlines() if json.loads(x)["event_type"] == "alert"]
        expect(look(f, "incidents", "export").splitlines() == alerts, "other lines")
        one = [x for x in alerts if json.loads(x)["smtap"]["incident_id"] == 1]
        expect(0 < len(one) < len(alerts), f"{len(one)} of {len(alerts)} are of incident 1")
        expect(look(f, "incidents", "export", "1").splitlines() == one, "others for incident 1")


@case
def an_incident_is_listed_as_its_last_alert_tells_it():
    with folder() as f:
        alerts = ran(f)
        listed = objects(look(f, "incidents", "--json"))
        expect({i["incident_id"] for i in listed} == {1, 2}, listed)
        for i in listed:
            of_it = [a["smtap"] for a in alerts if a["smtap"]["incident_id"] == i["incident_id"]]
            last = of_it[-1]["incident"]
            expect(i["alerts"] == len(of_it), f"{i['alerts']} alerts, not {len(of_it)}")
            for key in ("severity", "sources", "accounts", "servers", "stages", "advice"):
                expect(i[key] == last[key], f"{key}: {i[key]}, not {last[key]}")
            expect(i["state"] == "closed", i["state"])
        text = look(f, "incidents")
        expect("critical" in text and "198.51.100.17" in text and "dave" in text, text)
        expect(look(f, "incidents", "--open").count("\n") == 1, "closed ones are listed")
        ever = objects(look(f, "incidents", "--days", "99999", "--json"))
        expect(len(ever) == 2, ever)
        grave = objects(look(f, "incidents", "--severity", "critical", "--json"))
        expect([i["incident_id"] for i in grave] == [1], grave)
        expect(len(objects(look(f, "incidents", "-n", "1", "--json"))) == 1, "not one")


@case
def an_incident_is_shown_with_its_timeline_and_what_to_do():
    with folder() as f:
        alerts = ran(f)
        text = look(f, "incidents", "show", "1")
        for word in ("critical", "198.51.100.17", "guessing", "success", "What to do"):
            expect(word in text, f"{word} is not in {text}")
        told = text.split("Alerts\n")[1].splitlines()
        expect(len(told) == sum(a["smtap"]["incident_id"] == 1 for a in alerts), told)
        expect(max(map(len, text.splitlines())) <= 100, "a line is too long")


@case
def sources_and_accounts_are_those_of_the_report():
    with folder() as f:
        expect_status(replay("-o", f.output(), f.capture), 0)
        report = json.loads(replay("--format", "json", "-o", f.output("again"), f.capture).stdout)
        for kind, top in (("source", "top_sources"), ("account", "top_accounts")):
            stored = objects(look(f, f"{kind}s", "--json"))
            expect(stored, f"no {kind}")
            for row, known in zip(stored, report[top]):
                name = known.get("name") or known[kind]
                expect(row[kind] == name, f"{row} is not {known}")
                expect(row["failures"] == known["failures"], f"{row} is not {known}")
        expect("dave" in look(f, "accounts", "-n", "1"), "not dave")
        expect(look(f, "sources", "-n", "1").count("\n") == 2, "more than one")
        expect(look(f, "sources", "-n", "0") == look(f, "sources", "-n", "999"), "not all")


@case
def a_replay_begins_its_store_anew():
    with folder() as f:
        first = ran(f)
        ran(f)
        n = len(look(f, "incidents", "export").splitlines())
        expect(n == len(first), f"{n} alerts after two replays of {len(first)}")


@case
def lines_on_standard_output_leave_no_files():
    with folder() as f:
        expect_status(replay("--eve", "-", "-o", f.output(), CAPTURE), 0)
        expect(not os.path.exists(f.output()), "a folder was made")


@case
def a_name_cannot_speak_to_the_terminal():
    with folder() as f:
        wire = Wire()
        for n in range(30):
            s = Session(wire, "198.51.100.7", sport=40000 + n).open()
            user = "a\x1b[2Jb\u009bc\nd"
            s.talk(
                "S: 220 mx",
                f"C: AUTH PLAIN {b64(chr(0) + user + chr(0) + f'guess-{n}')}",
                "S: 535 5.7.8 no",
            )
            s.close()
            wire.wait(2)
        capture = f.put("hostile.pcap", pcap(wire.frames, 1))
        expect_status(replay("-o", f.output(), capture), 0)
        for command in (["incidents"], ["incidents", "show", "1"], ["accounts"]):
            text = look(f, *command)
            expect("a\\x1B" in text, f"{command}: no account: {text}")
            bad = [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)]
            expect(not bad, f"{command}: {bad}")


@case
def what_is_wrong_is_told_in_a_line():
    with folder() as f:
        ran(f)
        o = ["-o", f.output()]
        expect_one_line(smtap("incidents", "-o", f.output("no")), 2, "no/smtap.db", "-o")
        expect_one_line(smtap("incidents", "show", "99", *o), 2, "no incident 99")
        expect_one_line(smtap("incidents", "show", *o), 2, "ID")
        expect_one_line(smtap("incidents", "show", "one", *o), 2, "one", "number")
        expect_one_line(
            smtap("incidents", "drop", *o), 2, "drop", "list, show, export, ack, suppress"
        )
        expect_one_line(smtap("incidents", "list", "1", *o), 2, "operand")
        expect_one_line(smtap("incidents", "ack", *o), 2, "ID")
        expect_one_line(smtap("incidents", "ack", "1", *o), 1, "control.sock", "no smtap run")
        expect_one_line(smtap("incidents", "suppress", "1", *o), 2, "--reason")
        both = ["suppress", "1", "--source", "192.0.2.1", "--reason", "r"]
        expect_one_line(smtap("incidents", *both, *o), 2, "not both")
        expect_one_line(smtap("incidents", "suppress", "1", "--reason", "r", *o), 1, "no smtap run")
        expect_one_line(smtap("incidents", "unsuppress", *o), 2, "ID")
        expect_one_line(smtap("incidents", "suppressed", "1", *o), 2, "operand")
        expect_one_line(smtap("incidents", "--severity", "bad", *o), 2, "critical, major")
        expect_one_line(smtap("incidents", "--days", "-1", *o), 2, "--days")
        expect_one_line(smtap("incidents", "--days", "0", *o), 2, "--days", "1 or more")
        expect_one_line(smtap("incidents", "ack", "1", "--note", "a\nb", *o), 2, "--note", "UTF-8")
        expect_one_line(smtap("incidents", "ack", "1", "--note", "a" * 1001, *o), 2, "1000 bytes")
        expect_one_line(smtap("sources", "-n", "x", *o), 2, "number")
        expect_one_line(smtap("sources", "dave", *o), 2, "operand")
        expect_one_line(smtap("accounts", "--nope"), 2, "--nope")
        bad = f.put("bad.db", b"no database" * 100)
        expect_one_line(smtap("incidents", "--store", bad), 2, "bad.db", "not a database")


@case
def a_store_of_another_version_is_told_and_left_alone():
    with folder() as f:
        ran(f)
        path = os.path.join(f.output(), "smtap.db")
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
        expect_one_line(smtap("incidents", "-o", f.output()), 2, "version 99")


@case
def a_store_in_a_folder_that_one_may_only_read_is_read():
    with folder() as f:
        ran(f)
        path = os.path.join(f.output(), "smtap.db")
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA journal_mode = WAL")  # as a live run leaves it
        os.chmod(path, 0o644)
        for path in (f.path, f.output()):
            os.chmod(path, 0o555)
        # Nothing stops root.
        other = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
        try:
            r = smtap("incidents", "-o", f.output(), **other)
        except PermissionError as e:
            raise Skip("another user may not run smtap here") from e
        finally:
            for path in (f.path, f.output()):
                os.chmod(path, 0o755)
        expect_status(r, 0)
        expect("dave" in r.stdout, "not dave")


def in_small_tmpfs(f, script, *args):
    """The script with a full file system of 64 KiB at FOLDER/small."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("needs root and unshare")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        raise Skip("no mount namespace can be made here")
    small = f.path / "small"
    small.mkdir()
    set_up = (
        f"mount -t tmpfs -o size=64k none {small} && "
        f"head -c 60000 /dev/zero > {small}/filler && {script}"
    )
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", set_up, "sh", *args],
        capture_output=True,
        text=True,
        timeout=60,
    )


def elsewhere(f, store):
    """A configuration with the store not where the lines are."""
    return f"store:\n  file: {f.path}/{store}\noutput:\n  directory: {f.output('b')}\n".encode()


@case
def the_folder_that_is_given_counts_over_the_store_of_the_settings():
    """For who writes as for who reads."""
    with folder() as f:
        config = f.put("a.yaml", elsewhere(f, "a.db"))
        expect_status(replay("-c", config, "-o", f.output(), CAPTURE), 0)
        expect(os.path.exists(os.path.join(f.output(), "smtap.db")), "not in the folder")
        expect(not os.path.exists(f.path / "a.db"), "where the settings say")
        r = smtap("incidents", "--json", "-c", config, "-o", f.output())
        expect(len(objects(r.stdout)) == 2, r.stderr)
        expect_status(replay("-c", config, CAPTURE), 0)
        expect(len(objects(smtap("incidents", "--json", "-c", config).stdout)) == 2, "not there")
        expect(os.path.exists(f.path / "a.db"), "not where the settings say")


@case
def a_full_disk_is_told_and_costs_no_event():
    with folder() as f:
        expected = len(ran(f))
        config = f.put("small.yaml", elsewhere(f, "small/a.db"))
        r = in_small_tmpfs(f, '"$@"', harness.PROGRAM[0], "replay", "-c", config, CAPTURE)
        expect_status(r, 1)
        lines = r.stderr.splitlines()
        expect(any("small/a.db" in x and "full" in x for x in lines), lines)
        expect("were not stored" in lines[-1] and len(lines) <= 2, lines)
        expect(len(events(f.eve("b"), "alert")) == expected, "alerts are missing in eve.json")
        counters = events(f.eve("b"), "stats")[-1]["smtap"]["counters"]
        expect(counters["store_errors"] > 0, counters["store_errors"])
        expect(counters["store_waiting"] == expected, counters["store_waiting"])


@case
def a_store_that_cannot_be_made_is_told_and_costs_no_event():
    with folder() as f:
        expected = len(ran(f))
        config = f.put("no.yaml", elsewhere(f, "none/a.db"))
        r = replay("-c", config, CAPTURE)
        expect_status(r, 1)
        expect("none/a.db: No such file" in r.stderr, r.stderr)
        expect(len(events(f.eve("b"), "alert")) == expected, "alerts are missing in eve.json")


if __name__ == "__main__":
    sys.exit(main())
