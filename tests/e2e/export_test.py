#!/usr/bin/env python3
"""The way of alerts out of a live run: destinations, smtap-export, control and the disk fail.

usage: export_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import contextlib
import os
import signal
import subprocess
import sys

import harness
from harness import case, expect, main
from running import Listener, all_of, alone, running

KEYS = "{type: unix, path: %s, retry_max: 1s, batch: 3}"


@contextlib.contextmanager
def listening(name="soc", config="", keys=KEYS):
    """A run with one exporter, and its destination, which is down."""
    path = f"/tmp/smtap-e2e-{os.getpid()}.sock"
    listener = Listener(path)
    try:
        with running(f"  {name}: {keys % path}\n", config) as r:
            yield r, listener
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def await_all(r, listener):
    r.until("every alert", lambda: all_of(r.alerts(), listener.got))


@case
def destination_that_comes_back_has_every_alert():
    with listening() as (r, listener):
        r.attack(4)
        r.until("trouble is told", lambda: "soc: " in r.said())
        expect("nobody listens there; alerts are kept and tried again" in r.said(), r.said())
        listener.up()
        await_all(r, listener)
        r.until("its end is told", lambda: "soc: works again" in r.said())
        listener.down()
        r.attack(2)
        listener.up()
        r.attack(2)
        await_all(r, listener)
        expect(r.end() == 0, r.said())
        ours = [line for line in r.said().splitlines() if line.startswith("smtap-export: ")]
        expect(len(ours) <= 4, f"more than a line each: {ours}")


@case
def export_that_is_killed_goes_on_where_it_was():
    with listening() as (r, listener):
        # With a batch in hand that nobody takes.
        r.attack(2)
        r.until("trouble is told", lambda: "soc: " in r.said())
        r.kill("smtap-export")
        listener.up()
        for _ in range(2):
            r.attack(2)
            r.kill("smtap-export")
        r.attack(1)
        await_all(r, listener)
        # What it had said before does not come again: the batch in hand does, at most.
        expect(len(listener.got) <= len(r.alerts()) + 3 * 3, f"{len(listener.got)} lines")


@case
def control_that_is_killed_loses_none():
    with listening() as (r, listener):
        r.attack(3)
        r.until("they are stored", lambda: len(stored(r)) == len(r.alerts()))
        r.kill("smtap-control")
        listener.up()
        await_all(r, listener)
        r.attack(3)
        await_all(r, listener)
        r.kill("smtap-control")
        r.attack(1)
        await_all(r, listener)


def stored(r):
    look = [*harness.PROGRAM, "incidents", "export", "-c", r.config]
    return subprocess.run(look, capture_output=True, text=True, check=False).stdout.splitlines()


@case
def what_was_not_delivered_at_the_end_is_after_the_next_start():
    with listening() as (r, listener):
        r.attack(2)
        expect(r.end() == 0, r.said())
        told = r.alerts()
        listener.up()
        r.start()
        r.until("what was told before", lambda: all_of(told, listener.got))


@case
def full_disk_holds_no_alert_up():
    with contextlib.ExitStack() as stack:
        disk = f"/tmp/smtap-e2e-{os.getpid()}.disk"
        os.mkdir(disk)
        stack.callback(os.rmdir, disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk], check=True)
        stack.callback(subprocess.run, ["umount", disk], check=True)
        config = f"store:\n  file: {disk}/smtap.db\n"
        r, listener = stack.enter_context(listening(config=config))
        listener.up()
        r.attack(1)
        await_all(r, listener)
        fill(f"{disk}/filler")
        # Until the log of the store needs room that it does not have.
        while "database or disk is full" not in r.said():
            r.attack(1)
        r.attack(2)
        await_all(r, listener)
        os.unlink(f"{disk}/filler")
        r.until("the store works again", lambda: "works again" in r.said())
        r.kill("smtap-control")
        r.attack(1)
        await_all(r, listener)


def fill(path):
    with open(path, "wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(b"x" * 1024):
            pass


@case
def hanging_up_reads_the_exporters_again_unless_they_are_wrong():
    with listening() as (r, listener):
        listener.up()
        r.attack(1)
        await_all(r, listener)
        r.configure(f"  soc: {KEYS % listener.path}\n".replace("batch", "bacth"))
        os.kill(r.pid("smtap-export"), signal.SIGHUP)
        r.until("what is wrong", lambda: "smtap-export: " in r.said())
        expect("unknown key 'bacth'; did you mean 'batch'?" in r.said(), r.said())
        r.attack(1)
        await_all(r, listener)
        other = Listener(f"{listener.path}.other")
        other.up()
        r.configure(f"  soc: {KEYS % other.path}\n")
        os.kill(r.pid("smtap-export"), signal.SIGHUP)
        before = len(r.alerts())
        r.attack(1)
        r.until("the other socket", lambda: all_of(r.alerts()[before:], other.got))
        expect(all_of(r.alerts()[:before], listener.got), "the first has another's")
        other.down()


def reload(r):
    command = [harness.PROGRAM[0], "reload", "-c", r.config]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@case
def reload_reaches_smtap_export_and_says_what_is_wrong_there():
    with listening() as (r, listener):
        listener.up()
        r.attack(1)
        await_all(r, listener)
        pid = r.pid("smtap-export")
        # What control cannot know: a file that an exporter names.
        bad = "{type: syslog, server: localhost, transport: tls, ca_file: /nonexistent}"
        # Nothing of that file is taken, by control neither.
        more = "eve:\n  keep: 7\n"
        r.configure(f"  soc: {KEYS % listener.path}\n  log: {bad}\n", more)
        done = reload(r)
        lines = done.stderr.splitlines()
        expect(done.returncode == 2 and len(lines) == 1, f"{done.returncode}: {done.stderr!r}")
        expect("reload: smtap-export: exporters.log (line" in lines[0], lines)
        expect("/nonexistent: No such file" in lines[0], lines)
        r.attack(1)
        await_all(r, listener)
        # What control knows to be wrong changes nothing anywhere.
        r.configure(f"  soc: {KEYS % listener.path}\n".replace("batch", "bacth"))
        done = reload(r)
        expect(done.returncode == 2 and "unknown key 'bacth'" in done.stderr, done.stderr)
        other = Listener(f"{listener.path}.other")
        other.up()
        r.configure(f"  soc: {KEYS % other.path}\n  new: {KEYS % listener.path}\n", more)
        done = reload(r)
        expect(done.returncode == 0, done.stderr)
        expect("1 setting changed" in done.stdout, f"{done.stdout}: was it taken before?")
        before = len(r.alerts())
        r.attack(1)
        # The cursor of the one that was there is where it was; the new one begins now.
        r.until("the other socket", lambda: all_of(r.alerts()[before:], other.got))
        r.until("the new one", lambda: all_of(r.alerts(), listener.got))
        expect(r.pid("smtap-export") == pid, "it was started again")
        other.down()


@case
def first_exporter_is_started_by_a_reload():
    path = f"/tmp/smtap-e2e-{os.getpid()}.sock"
    listener = Listener(path)
    listener.up()
    with running("") as r:
        expect(r.pid("smtap-export") is None, "there is nothing to export")
        r.configure(f"  soc: {KEYS % path}\n")
        done = reload(r)
        expect(done.returncode == 0 and "smtap-export is started" in done.stdout, done)
        r.until("it runs", lambda: r.pid("smtap-export"))
        r.attack(2)
        await_all(r, listener)
    listener.down()


@case
def exporters_that_come_and_go_with_the_configuration():
    with listening() as (r, listener):
        listener.up()
        r.attack(2)
        await_all(r, listener)
        other = Listener(f"{listener.path}.other")
        other.up()
        r.end()
        r.configure(f"  other: {KEYS % other.path}\n".replace("batch: 3", "from: start"))
        r.start()
        r.until("that one is gone is told", lambda: "exporter soc is not configured" in r.said())
        r.attack(1)
        r.until("what was told before, too", lambda: all_of(r.alerts(), other.got))
        other.down()


@case
def an_exporter_that_cannot_be_set_up_is_one_line():
    bad = "{type: syslog, server: logs.example.net, transport: tls, ca_file: /nonexistent}"
    path = "/tmp/smtap-e2e-bad.yaml"
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"exporters:\n  siem: {bad}\n")
    done = subprocess.run(
        [os.path.join(os.path.dirname(harness.PROGRAM[0]), "smtap-export"), "-c", path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.unlink(path)
    expect(done.returncode == 2, f"status {done.returncode}: {done.stderr}")
    lines = done.stderr.splitlines()
    expect(len(lines) == 1 and "exporters.siem" in lines[0], lines)
    expect("/nonexistent" in lines[0], lines)


if __name__ == "__main__":
    sys.exit(alone(main))
