#!/usr/bin/env python3
"""`smtap doctor` on the machine that it runs on, whatever that is.

usage: doctor_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import json
import os
import re
import sys

from harness import case, expect, expect_one_line, expect_status, folder, main, smtap

CHECKS = [
    "configuration",
    "patterns",
    "store",
    "cpu",
    "memory",
    "hugepages",
    "eal",
    "iommu",
    "nic",
    "numa",
    "isolation",
    "governor",
    "limits",
    "capabilities",
    "container",
    "offload",
    "clock",
]
KEYS = {"check", "status", "found", "consequence", "remedy"}


def examine(*args, **kw):
    r = smtap("doctor", "--json", *args, **kw)
    items = json.loads(r.stdout)
    expect(r.stderr == "", f"it says {r.stderr[:200]!r}")
    faults = [i for i in items if i["status"] == "fault"]
    expect_status(r, 1 if faults else 0)
    return items


def expect_form(items):
    seen = list(dict.fromkeys(i["check"] for i in items))
    expect(seen == CHECKS, f"the checks are {seen}")
    for i in items:
        expect(set(i) == KEYS and all(isinstance(v, str) for v in i.values()), f"it is {i}")
        expect(i["status"] in ("ok", "unseen", "warning", "fault"), f"it is {i}")
        wrong = i["status"] in ("warning", "fault")
        expect(i["found"] and bool(i["consequence"]) == bool(i["remedy"]) == wrong, f"it is {i}")


@case
def every_check_says_something_in_both_forms():
    items = examine()
    expect_form(items)
    text = smtap("doctor").stdout
    heads = re.findall(r"^(ok|unseen|warning|fault) +(\w+) ", text, re.M)
    expect(heads == [(i["status"], i["check"]) for i in items], f"the text is {text[:400]}")
    for i in items:
        for command in i["remedy"].splitlines():
            expect(command in text, f"{command!r} is not in the text in one piece")
    expect(
        re.search(r"^\d+ faults?, \d+ warnings?, \d+ unseen, \d+ ok$", text, re.M),
        "there is no sum",
    )


@case
def whoever_has_no_rights_gets_an_answer_too():
    if os.geteuid() != 0:
        return  # the cases above were that
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    try:
        items = examine(**nobody)
    except PermissionError:
        return  # this build folder is closed to others
    expect_form(items)
    rights = [i for i in items if i["check"] == "capabilities"]
    expect(
        all(i["status"] == "warning" and "cap_net_raw" in i["found"] for i in rights),
        f"it says {rights}",
    )


@case
def port_that_is_not_there_is_a_fault():
    items = examine("nosuchport0", "0000:fe:1f.7")
    faults = [i["found"] for i in items if i["check"] == "nic" and i["status"] == "fault"]
    expect(
        faults
        == [
            "port nosuchport0: there is no such interface",
            "port 0000:fe:1f.7: there is no such device",
        ],
        f"it says {faults}",
    )


@case
def configuration_is_taken_or_found_wrong():
    with folder() as f:
        many = f.put("many.yaml", b"dataplane: {workers: 64, sessions: 1000000}\n")
        said = {i["found"] for i in examine("-c", many) if i["check"] == "configuration"}
        expect(said == {f"{many} is right"}, f"it says {said}")
        bad = f.put("bad.yaml", b"dataplane:\n  workers: none\n")
        wrong = [i for i in examine("-c", bad) if i["status"] == "fault"]
        expect(any(f"{bad}:2" in i["found"] for i in wrong), f"it says {wrong}")


@case
def bad_usage_is_one_line():
    expect_one_line(smtap("doctor", "--mend"), 2, "--mend")
    expect_one_line(smtap("doctor", "../eth0"), 2, "../eth0 is no port")
    expect_one_line(smtap("doctor", "-c"), 2, "-c needs a value")


if __name__ == "__main__":
    sys.exit(main())
