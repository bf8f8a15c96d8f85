#!/usr/bin/env python3
"""What the package brings besides the programs: units, a configuration, completion.

usage: package_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import contextlib
import grp
import os
import pathlib
import pwd
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile

import harness
from harness import Skip, Wrong, case, expect, expect_status, main, smtap
from unit import settings_of

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = TOP / "packaging"
UNITS = sorted((PACKAGING / "systemd").glob("*.service"))


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def installed_configuration(folder):
    to = pathlib.Path(folder) / "smtap.yaml"
    r = run(PACKAGING / "debian/configuration", PACKAGING / "smtap.yaml", to)
    expect_status(r, 0)
    return to


@case
def exposure_of_units_is_below_what_was_asked():
    if not shutil.which("systemd-analyze"):
        raise Skip("needs systemd-analyze")
    worst = {"smtap-control": 2.0, "smtap-export": 2.0, "smtap-dataplane": 6.0}
    expect({u.stem for u in UNITS} == set(worst), UNITS)
    for unit in UNITS:
        r = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
        said = re.search(r"exposure level for \S+: ([0-9.]+)", r.stdout)
        if not said:
            raise Skip(f"systemd-analyze security does not work offline: {r.stderr.strip()}")
        expect(float(said[1]) < worst[unit.stem], f"{unit.stem}: {said[1]}")


@case
def units_start_programs_with_options_that_they_have():
    for unit in UNITS:
        (start,) = settings_of(unit)["ExecStart"]
        path, *arguments = start.split()
        program = pathlib.Path(harness.PROGRAM[0]).with_name(pathlib.Path(path).name)
        words = run(program, "--help").stdout
        for option in (a for a in arguments if a.startswith("-")):
            expect(re.search(rf"{option}\b", words), f"{unit.name}: {option} is not in --help")


@case
def configuration_of_the_package_is_right_and_names_users_and_folders_of_the_units():
    with tempfile.TemporaryDirectory(prefix="e2e-") as folder:
        configuration = installed_configuration(folder)
        expect_status(smtap("check", "-c", str(configuration)), 0)
        text = configuration.read_text()
        postinst = (PACKAGING / "debian/smtap.postinst").read_text()
        for unit, section in (("smtap-control", "control"), ("smtap-export", "export")):
            (user,) = settings_of(PACKAGING / f"systemd/{unit}.service")["User"]
            expect(re.search(rf"^{section}:(\n  .*)*\n  user: {user}$", text, re.M), user)
            expect(user in postinst, f"{user} is not made")
        control = settings_of(PACKAGING / "systemd/smtap-control.service")
        for kind, root in (("Logs", "/var/log"), ("State", "/var/lib"), ("Runtime", "/run")):
            (name,) = control[f"{kind}Directory"]
            expect(re.search(rf"^  \w+: {root}/{name}\b", text, re.M), f"nothing in {root}/{name}")


@case
def whatever_is_not_set_for_the_package_is_a_comment():
    with tempfile.TemporaryDirectory(prefix="e2e-") as folder:
        packaged = installed_configuration(folder).read_text().splitlines()
        example = (PACKAGING / "smtap.yaml").read_text().splitlines()
        expect(len(packaged) == len(example), "lines came or went")
        changed = [b for a, b in zip(example, packaged) if a != b]
        expect(len(changed) == 8, changed)


@contextlib.contextmanager
def under_unit(unit, user, text):
    """A daemon as its unit would run it: the process, whose stderr is a pipe, and its folder."""
    if os.geteuid() != 0 or not shutil.which("systemd-analyze"):
        raise Skip("needs root, and the sets of calls of systemd-analyze")
    with tempfile.TemporaryDirectory(prefix="e2e-") as name:
        folder = pathlib.Path(name)
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        folder.chmod(0o755)
        configuration = folder / "smtap.yaml"
        configuration.write_text(text.format(folder=folder))
        (start,) = settings_of(PACKAGING / f"systemd/{unit}.service")["ExecStart"]
        path, *arguments = start.split()
        arguments[-1] = configuration
        program = pathlib.Path(harness.PROGRAM[0]).with_name(pathlib.Path(path).name)
        child = subprocess.Popen(
            [sys.executable, pathlib.Path(__file__).with_name("unit.py")]
            + [PACKAGING / f"systemd/{unit}.service", user, user, program, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield child, folder
        finally:
            child.kill()
            child.wait()
            child.stderr.close()


def first_line(child):
    expect(select.select([child.stderr], [], [], 60)[0], "it says nothing")
    return child.stderr.readline()


@case
def control_works_under_its_unit_and_gives_exporters_their_socket():
    text = (
        "dataplane:\n  socket: {folder}/dataplane.sock\n"
        "control:\n  user: daemon\nexport:\n  user: games\noutput:\n  directory: {folder}\n"
    )
    with under_unit("smtap-control", "daemon", text) as (child, folder):
        said = first_line(child)
        expect("waits for a dataplane" in said, said)
        expect(
            (folder / "export.sock").stat().st_gid == grp.getgrnam("games").gr_gid,
            "the socket is not the exporters'",
        )


def await_ready(folder_socket, child):
    while not select.select([folder_socket], [], [], 0.1)[0]:
        if child.poll() is not None:
            raise Wrong(f"it ended with {child.returncode}: {child.stderr.read()}")
    said = folder_socket.recv(4096)
    expect(said == b"READY=1", said)


@contextlib.contextmanager
def export_under_its_unit(exporters):
    """smtap-export, and the socket of its service manager."""
    if run("unshare", "--user", "true").returncode != 0:
        raise Skip("no user namespaces (the kernel gives none to a chroot)")
    text = "export:\n  user: daemon\n  socket: {folder}/export.sock\n" + exporters
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")  # the kernel gives it a name
        os.environ["NOTIFY_SOCKET"] = "@" + manager.getsockname()[1:].decode()
        try:
            with under_unit("smtap-export", "daemon", text) as (child, _):
                yield child, manager
        finally:
            del os.environ["NOTIFY_SOCKET"]


@case
def export_works_under_its_unit():
    exporters = "exporters:\n  here:\n    type: unix\n    path: {folder}/none\n"
    with export_under_its_unit(exporters) as (child, manager):
        await_ready(manager, child)
        status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
        # The unit's two filters, and its own.
        expect(re.search(r"^Seccomp_filters:\s+3$", status, re.M), status)


@case
def export_without_exporters_is_no_failure_to_a_service_manager():
    with export_under_its_unit("") as (child, manager):
        await_ready(manager, child)
        expect(child.wait(60) == 0, child.stderr.read())


def complete(*words):
    """What Tab offers after these words."""
    script = (
        f'. "{PACKAGING}/completion/smtap.bash"\n'
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _smtap; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    r = run("bash", "-c", script, "bash", *words)
    expect_status(r, 0)
    return set(r.stdout.split())


@case
def completion_knows_each_command_and_its_options():
    program = harness.PROGRAM[0]
    verbs = complete(program, "")
    unknown = smtap("no-such-command").stderr
    expect(verbs and verbs == set(re.findall(r"[a-z]+", unknown.split("known are")[1])), verbs)
    for verb in verbs:
        offered = complete(program, verb, "--")
        words = smtap(verb, "--help").stdout
        expect(offered == set(re.findall(r"--[a-z][a-z-]*", words)), f"{verb}: {offered}")
    expect({"list", "show", "ack", "export"} <= complete(program, "incidents", ""), "incidents")
    expect(complete(program, "replay", "--speed", "") == {"max", "real"}, "--speed")


if __name__ == "__main__":
    sys.exit(main())
