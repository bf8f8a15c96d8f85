#!/usr/bin/env python3
"""The xarf exporter: abuse reports as files, from smtap-export as it runs.

usage: export_xarf_test.py SMTAP_EXPORT [PART-OF-A-NAME]   (prints TAP)
"""
import base64
import contextlib
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import harness
from exporting import ALERTS, WAIT_S, exporting
from harness import case, expect, main

DETECTORS = ("bruteforce", "spray", "stuffing", "slow", "compromise")
KEYS = """  abuse:
    type: xarf
    from: start
    folder: {folder}
    reporter_org: Corp
    reporter_contact: abuse@corp.example
    reporter_domain: corp.example
"""


def reported():
    """Alerts about one address, which is one that anybody may have."""
    lines = ALERTS.read_text().replace('"198.51.100.', '"93.184.216.').splitlines()
    return [
        line
        for line in lines
        if (told := json.loads(line)["smtap"])["detector"] in DETECTORS
        and told["subject_type"] == "source"
        and told["confidence"] >= 80
        and told["subject"].startswith("93.")
    ]


@contextlib.contextmanager
def reports():
    with tempfile.TemporaryDirectory(prefix="e2e-") as path:
        pathlib.Path(path).chmod(0o777)
        yield pathlib.Path(path)


@case
def each_attacker_of_an_incident_has_one_report():
    with reports() as folder:
        with exporting(harness.PROGRAM[0], KEYS.format(folder=folder), 0) as (control, _):
            control.add(ALERTS.read_text().splitlines() + reported() * 2)
            control.wait_delivered("abuse")
        wanted = {
            (told["incident_id"], told["subject"])
            for told in (json.loads(line)["smtap"] for line in reported())
        }
        files = sorted(folder.iterdir())
        expect(wanted and len(files) == len(wanted), f"{files} of {wanted}")
        for file in files:
            report = json.loads(file.read_text())
            expect(file.name == report["report_id"] + ".json", f"{file.name}")
            expect(report["source_identifier"] in {w[1] for w in wanted}, f"{report}")
            item = report["evidence"][0]
            text = base64.b64decode(item["payload"], validate=True)
            expect(item["hash"] == "sha256:" + hashlib.sha256(text).hexdigest(), f"{item}")
            expect(item["size"] == len(text), f"{item}")


@case
def folder_that_is_not_there_is_one_line_and_an_exit_status():
    with reports() as folder:
        config = folder / "smtap.yaml"
        config.write_text("exporters:\n" + KEYS.format(folder=folder / "absent"))
        done = subprocess.run(
            [harness.PROGRAM[0], "-c", config], capture_output=True, text=True, timeout=WAIT_S
        )
        harness.expect_one_line(done, 2, "exporters.abuse (line 2): folder ", "No such file")


if __name__ == "__main__":
    sys.exit(main())
