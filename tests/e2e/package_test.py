#!/usr/bin/env python3
"""What the package brings besides the programs: units, a configuration, completion.

usage: package_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import harness
from harness import Skip, case, expect, expect_status, main, smtap

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = TOP / "packaging"
UNITS = sorted((PACKAGING / "systemd").glob("*.service"))


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def settings_of(unit):
    """Each setting of a unit with its values, in order."""
    found = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


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
