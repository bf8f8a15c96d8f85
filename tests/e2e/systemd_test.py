#!/usr/bin/env python3
"""The units under a real systemd, in a machine of its own (machine.py): they start, are watched,
killed, reloaded and stopped, and the alerts of an attack come through all of it.

usage: systemd_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)

The machine boots once; each case finds all units running and leaves them so.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sys

import harness
from harness import Skip, case, expect, expect_status, main
from machine import machine, run
from running import Listener, alone, guesses, ip

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = TOP / "packaging"
DAEMONS = ("smtap-dataplane", "smtap-control", "smtap-export")
PROGRAMS = ("smtap", *DAEMONS)
# As long as the units say is long for a test.
HASTE = "[Service]\nWatchdogSec=3\nRestartSec=100ms\n"
CONFIG = pathlib.Path("etc/smtap/smtap.yaml")
EXPORTERS = "exporters:\n  siem:\n    type: unix\n    path: /run/siem.sock\n"
SELF = {}  # the machine, and what else there is once


def install(m):
    """What the package does, from a build folder."""
    built = pathlib.Path(harness.PROGRAM[0]).parent
    if b"__asan_init" in (built / "smtap-control").read_bytes():
        raise Skip("units are not for programs with sanitizers")
    for name in PROGRAMS:
        shutil.copy(built / name, m.root / "usr/bin" / name)
    shutil.copytree(built / "patterns", m.root / "usr/bin/patterns")
    for unit in (PACKAGING / "systemd").iterdir():
        shutil.copy(unit, m.root / "etc/systemd/system" / unit.name)
        if unit.suffix == ".service":
            more = m.root / f"etc/systemd/system/{unit.name}.d"
            more.mkdir()
            (more / "haste.conf").write_text(HASTE)
    (m.root / "etc/smtap/secrets").mkdir(parents=True)
    expect_status(
        run(PACKAGING / "debian/configuration", PACKAGING / "smtap.yaml", m.root / CONFIG), 0
    )
    SELF["config"] = (m.root / CONFIG).read_text()
    configure()
    (m.root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
    shutil.copy(PACKAGING / "debian/smtap.logrotate", m.root / "etc/logrotate.d/smtap")
    postinst = (PACKAGING / "debian/smtap.postinst").read_text()
    r = run("chroot", m.root, "sh", "-s", "configure", input=postinst)
    if r.returncode != 0:
        raise Skip(f"the package's users cannot be made here: {r.stderr.strip()[-200:]}")


def configure(section="", line=""):
    """The package's configuration with a port, an exporter, and a line more in a section."""
    text = SELF["config"].replace("  #interfaces: []\n", "  interfaces: [tap1]\n")
    for name, more in (("stats", "interval: 1s"), (section, line)):
        text = text.replace(f"\n{name}:\n", f"\n{name}:\n  {more}\n")
    (SELF["machine"].root / CONFIG).write_text(text + EXPORTERS)


def systemctl(*words):
    r = SELF["machine"].systemctl(*words)
    expect(r.returncode == 0, f"systemctl {' '.join(words)}: {r.stderr} {journal()[-800:]}")
    return r.stdout


def journal():
    return SELF["machine"].inside("journalctl", "--no-pager", "-o", "cat", "-n", "60").stdout


def show(unit, name):
    return SELF["machine"].show(unit, name)


def pid(unit):
    return int(show(unit, "MainPID") or 0)


def until(what, condition):
    m = SELF["machine"]
    m.until(what, lambda: condition() or expect(m.process.poll() is None, "systemd has ended"))


def stop_all():
    """The job that systemctl waits for is the target's; those of its parts may still be queued."""
    systemctl("stop", "smtap.target")
    ended = ("inactive", "failed")
    until("the end of all", lambda: all(show(u, "ActiveState") in ended for u in DAEMONS))


def all_active():
    return all(show(u, "ActiveState") == "active" for u in DAEMONS)


def lines(word):
    found = []
    for path in sorted((SELF["machine"].root / "var/log/smtap").glob("eve.json*")):
        found += [line for line in path.read_text().splitlines() if word in line]
    return found


def sees_packets():
    """Control has the counters of a dataplane that works."""
    return " on " in show("smtap-dataplane", "StatusText") and "no control" not in show(
        "smtap-dataplane", "StatusText"
    )


def attack():
    """One source more guesses; its alert, when it is in eve.json and with the exporter."""
    SELF["sources"] = SELF.get("sources", 0) + 1
    source = f"198.51.100.{SELF['sources']}"
    until("a dataplane and its control", sees_packets)
    for frame in guesses(SELF["sources"]):
        SELF["wire"].send(frame)
    word = f'"src_ip":"{source}"'
    until(f"the alert of {source}", lambda: [a for a in lines('"event_type":"alert"') if word in a])
    until(f"{source} in the SIEM", lambda: [a for a in SELF["siem"].got if word in a])


@case
def units_start_and_an_attack_is_told_to_the_exporter():
    for unit in DAEMONS:
        expect(show(unit, "SubState") == "running", f"{unit}: {show(unit, 'SubState')}")
        expect(show(unit, "NRestarts") == "0", f"{unit} was started again: {journal()}")
    attack()
    until("counts", lambda: "AUTH attempts" in show("smtap-control", "StatusText"))
    users = [run("ps", "-o", "user:32=", "-p", outside(u)).stdout.strip() for u in DAEMONS]
    names = [run("chroot", SELF["machine"].root, "id", "-nu", u).stdout.strip() for u in users]
    expect(names == ["smtap-dataplane", "smtap", "smtap-export"], f"{users} {names}")


def outside(unit):
    """Its pid as this machine has it."""
    pids = run("pgrep", "-x", unit[:15], "--ns", SELF["machine"].first(), "--nslist", "pid")
    expect(len(pids.stdout.split()) == 1, f"{unit}: {pids.stdout}")
    return pids.stdout.strip()


def kill(unit, sign):
    old = pid(unit)
    restarts = int(show(unit, "NRestarts"))
    SELF["machine"].inside("kill", f"-{sign}", str(old))
    until(f"another {unit}", lambda: pid(unit) not in (0, old) and all_active())
    return int(show(unit, "NRestarts")) - restarts


def check_killed(unit):
    others = [pid(u) for u in DAEMONS if u != unit]
    expect(kill(unit, "KILL") == 1, "it was not started again by itself")
    expect(others == [pid(u) for u in DAEMONS if u != unit], "another was started again, too")
    attack()


@case
def a_dataplane_that_is_killed_starts_again_and_the_others_go_on():
    check_killed("smtap-dataplane")


@case
def a_control_that_is_killed_starts_again_and_the_others_go_on():
    snapshot = SELF["machine"].root / "var/lib/smtap/smtap.snapshot"
    until("a snapshot", snapshot.exists)
    check_killed("smtap-control")
    expect(re.search(r"goes on with a snapshot of [0-9.]+ s ago", journal()), journal())


@case
def an_exporter_that_is_killed_starts_again_and_has_what_it_had_not():
    check_killed("smtap-export")


@case
def who_is_killed_again_and_again_is_started_again_and_again():
    for unit in ("smtap-control", "smtap-dataplane"):
        for _ in range(6):  # systemd's own limit is 5 in 10 s
            kill(unit, "KILL")
    attack()


@case
def a_daemon_that_hangs_is_found_by_the_watchdog():
    for unit in ("smtap-dataplane", "smtap-control"):
        expect(kill(unit, "STOP") == 1, f"{unit} was not started again")
        said = SELF["machine"].inside("journalctl", "--no-pager", "-u", unit).stdout
        expect("Watchdog timeout" in said, f"{unit}: {said[-600:]}")
    attack()


@case
def reload_takes_settings_and_says_what_is_wrong_with_them():
    before = [pid(u) for u in DAEMONS]
    configure("bruteforce", "passwords: none")
    r = SELF["machine"].systemctl("reload", "smtap-control")
    expect(r.returncode != 0, "a bad file was no failure")
    expect("bruteforce.passwords" in journal(), journal()[-600:])
    expect(show("smtap-control", "ActiveState") == "active", "it went for a bad file")
    configure("bruteforce", "passwords: 9")
    systemctl("reload", "smtap-control")
    until("word of the reload", lambda: "reloaded: 1 setting " in journal())
    systemctl("reload", "smtap-export")
    until("all of them", all_active)
    attack()
    configure()
    systemctl("reload", "smtap-control")
    expect(before == [pid(u) for u in DAEMONS], "one was started again")


@case
def logrotate_of_the_package_moves_the_file_and_control_opens_another():
    if not shutil.which("logrotate", path="/usr/sbin:/sbin"):
        raise Skip("needs logrotate")
    attack()
    eve = SELF["machine"].root / "var/log/smtap/eve.json"
    inode = eve.stat().st_ino
    r = SELF["machine"].inside("logrotate", "-f", "/etc/logrotate.d/smtap")
    expect_status(r, 0)
    until("stats in the new file", lambda: eve.exists() and eve.stat().st_size > 0)
    expect(eve.stat().st_ino != inode, "it is the same file")
    old = eve.with_name("eve.json.1").read_text()
    attack()
    expect(eve.with_name("eve.json.1").read_text() == old, "lines went to the old file")


@case
def who_refuses_its_configuration_is_not_started_again_and_again():
    stop_all()
    path = SELF["machine"].root / CONFIG
    path.write_text("no_such_key: 1\n")
    SELF["machine"].systemctl("start", "smtap-control")
    until("its end", lambda: show("smtap-control", "ActiveState") == "failed")
    expect(show("smtap-control", "ExecMainStatus") == "2", journal()[-600:])
    expect(show("smtap-control", "NRestarts") == "0", "it was started again")
    expect("smtap.yaml:1: " in journal(), journal()[-600:])
    configure()
    SELF["machine"].systemctl("reset-failed")
    systemctl("start", "smtap.target")
    until("all of them", all_active)
    attack()


@case
def stop_ends_all_without_a_failure_and_leaves_no_socket():
    attack()
    stop_all()
    for unit in DAEMONS:
        expect(show(unit, "ActiveState") == "inactive", f"{unit}: {show(unit, 'ActiveState')}")
        expect(show(unit, "Result") == "success", f"{unit}: {show(unit, 'Result')} {journal()}")
    left = [str(p) for p in (SELF["machine"].root / "run").glob("smtap*/*")]
    expect(not left, left)
    last = json.loads(lines('"event_type":"stats"')[-1])["smtap"]["counters"]
    expect(last["rx_packets"] > 0, "the last line knows of no packets")
    systemctl("start", "smtap.target")
    until("all of them", all_active)


def maintain(script, *arguments):
    """A script of the package, as dpkg runs it."""
    text = (PACKAGING / f"debian/smtap.{script}").read_text()
    r = SELF["machine"].inside("sh", "-s", *arguments, input=text)
    expect_status(r, 0)


@case
def upgrade_restarts_what_runs_and_control_ends_last():
    if not shutil.which("deb-systemd-invoke"):
        raise Skip("needs Debian")
    before = [pid(u) for u in DAEMONS]
    maintain("postinst", "configure", "0.0.1")
    until("all of them", all_active)
    expect(not set(before) & {pid(u) for u in DAEMONS}, f"{before}: one was not started again")
    said = journal()
    first, last = (said.rindex(f"Stopped {u}") for u in ("smtap-dataplane", "smtap-control"))
    expect(first < last, said[-1500:])
    attack()


@case
def removal_stops_what_runs():
    if not shutil.which("deb-systemd-invoke"):
        raise Skip("needs Debian")
    maintain("prerm", "remove")
    states = {show(u, "ActiveState") for u in (*DAEMONS, "smtap.target")}
    systemctl("start", "smtap.target")
    until("all of them", all_active)
    expect(states == {"inactive"}, states)


@case
def smtap_run_as_a_unit_is_ready_alive_and_stopped_for_both():
    """One unit of smtap run, in the place of three."""
    stop_all()
    unit = (
        "[Service]\nType=notify\nWatchdogSec=3\nRestart=on-failure\n"
        "ExecStart=/usr/bin/smtap run -c /etc/smtap/smtap.yaml\n"
        "StandardOutput=null\nStandardError=journal\n"
    )
    m = SELF["machine"]
    (m.root / "run/systemd/system").mkdir(parents=True, exist_ok=True)
    (m.root / "run/systemd/system/one.service").write_text(unit)
    systemctl("daemon-reload")
    systemctl("start", "one")
    first = pid("one")
    until("its words", lambda: " on " in show("one", "StatusText"))
    expect("AUTH attempts" in show("one", "StatusText"), show("one", "StatusText"))
    stopped = outside("smtap-control")
    os.kill(int(stopped), signal.SIGSTOP)
    until("another run", lambda: pid("one") not in (0, first))
    until("it is ready", lambda: show("one", "SubState") == "running")
    expect(show("one", "NRestarts") == "1", "it was not started again by itself")
    systemctl("stop", "one")
    expect(show("one", "Result") == "success", f"{show('one', 'Result')} {journal()[-600:]}")
    systemctl("start", "smtap.target")
    until("all of them", all_active)


def boot():
    with contextlib.ExitStack() as stack:
        m = SELF["machine"] = stack.enter_context(machine())
        ip("link", "add", "tap0", "type", "veth", "peer", "name", "tap1")
        for end in ("tap0", "tap1"):
            ip("link", "set", end, "up")
        SELF["wire"] = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        SELF["wire"].bind(("tap0", 0))
        install(m)
        m.boot()
        SELF["siem"] = Listener(m.root / "run/siem.sock")
        SELF["siem"].up()
        os.chmod(m.root / "run/siem.sock", 0o777)
        systemctl("start", "smtap.target")
        until("all of them", all_active)
        return main()


def skipping():
    harness.PROGRAM[:] = [os.path.abspath(sys.argv[1])]
    if os.geteuid() != 0:
        print("1..0 # SKIP only root can boot a machine")
        return 0
    try:
        return boot()
    except Skip as e:
        print(f"1..0 # SKIP {e}")
        return 0


if __name__ == "__main__":
    sys.exit(alone(skipping))
