#!/usr/bin/env python3
"""bench/compare: what it reads of each tool, with tools that only say what they would have found.

usage: compare_test.py SMTAP COMPARE [PART-OF-A-NAME]   (prints TAP)
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

COMPARE = pathlib.Path(sys.argv.pop(2)).resolve()

import harness  # noqa: E402
from harness import case, expect, folder, main  # noqa: E402
from formats import pcapng  # noqa: E402

# Each leaves what the real one leaves.
FAKES = {
    "suricata": r"""
case "$1" in -V) echo "This is Suricata version 7.0.3 RELEASE"; exit;; esac
while [ "$1" != -l ]; do shift; done
printf '%s\n' '{"event_type":"smtp","src_ip":"192.0.2.9"}' \
  '{"event_type":"alert","src_ip":"198.51.100.7","alert":{"signature":"ET brute"}}' \
  '{"event_type":"alert","src_ip":"198.51.100.7","alert":{"signature":"ET brute"}}' >"$2/eve.json"
""",
    "snort": r"""
case "$1" in -V) echo '  o"  )~   Version 3.1.82.0'; exit;; esac
while [ "$1" != -l ]; do shift; done
at=11/22-02:23:18.1
echo "$at [**] [1:2:3] \"SMTP brute\" [**] [Priority: 1] {TCP} 198.51.100.7:9 -> 1.2.3.4:25" \
  >"$2/alert_fast.txt"
echo '11/22-02:23:18.1 [**] [1:2:4] "on six" [**] {TCP} 2001:db8::7:9 -> 2001:db8::8:25'
""",
    "zeek": r"""
case "$1" in --version) echo "zeek version 6.0.3"; exit;; esac
printf '#separator \\x09\n#fields\tts\tid.orig_h\tnote\tsrc\n' >notice.log
printf '1.0\t-\tSMTP::Guess\t198.51.100.7\n1.0\t192.0.2.5\tSMTP::Seen\t-\n' >>notice.log
""",
}


@harness.contextlib.contextmanager
def tools(*names):
    """A PATH with these fakes and taskset, and no other tool."""
    with tempfile.TemporaryDirectory(prefix="e2e-") as path:
        for name in ("taskset", "sh", "python3", "env"):
            os.symlink(shutil.which(name), pathlib.Path(path, name))
        for name in names:
            fake = pathlib.Path(path, name)
            fake.write_text("#!/bin/sh\n" + FAKES[name])
            fake.chmod(0o755)
        yield path


def compare(path, *args):
    return subprocess.run(
        [str(COMPARE), "--smtap", harness.PROGRAM[0], *map(str, args)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={"PATH": path},
    )


def report(path, *args):
    r = compare(path, "--json", *args)
    expect(r.returncode == 0, f"exit status {r.returncode}: {r.stderr[-300:]}")
    return json.loads(r.stdout)


@case
def every_tools_findings_are_read_and_absent_ones_are_said():
    with folder() as f, tools("suricata", "snort", "zeek") as path:
        f.put("in.json", b'{"detectors": {"must": [["bruteforce", "source", "198.51.100.7"]]}}')
        out = report(path, "--repeat", "2", f.capture)
        expect(out["versions"]["tshark"] is None, f"versions are {out['versions']}")
        expect("7.0.3" in out["versions"]["suricata"], f"versions are {out['versions']}")
        expect("3.1.82.0" in out["versions"]["snort"], f"versions are {out['versions']}")
        expect("6.0.3" in out["versions"]["zeek"], f"versions are {out['versions']}")
        result = out["results"][0]
        found = {name: entry["found"] for name, entry in result["tools"].items()}
        expect(found["smtap"]["198.51.100.7"]["bruteforce"] == 1, f"smtap found {found['smtap']}")
        expect(found["suricata"] == {"198.51.100.7": {"ET brute": 2}}, f"{found['suricata']}")
        expect(
            found["snort"] == {"198.51.100.7": {"SMTP brute": 1}, "2001:db8::7": {"on six": 1}},
            f"{found['snort']}",
        )
        expect(
            found["zeek"] == {"198.51.100.7": {"SMTP::Guess": 1}, "192.0.2.5": {"SMTP::Seen": 1}},
            f"{found['zeek']}",
        )
        for name, entry in result["tools"].items():
            expect(entry["attackers_found"] == 1, f"{name} found {entry['attackers_found']}")


@case
def figures_are_of_the_packets_of_the_capture():
    with folder() as f, tools() as path:
        ng = f.put("in.pcapng", pcapng(f.frames, 1))
        for capture in (f.capture, ng):
            result = report(path, "--repeat", "3", capture)["results"][0]
            expect(result["packets"] == len(f.frames), f"{result['packets']} packets")
            entry = result["tools"]["smtap"]
            for key in ("packets_per_s", "packets_per_cpu_s", "seconds", "peak_bytes"):
                low, middle, high = (entry[key][k] for k in ("min", "median", "max"))
                expect(0 < low <= middle <= high, f"{key} is {entry[key]}")
            slowest = result["packets"] / entry["seconds"]["max"]
            expect(abs(entry["packets_per_s"]["min"] - slowest) < 1e-6 * slowest, "rates disagree")


@case
def repeated_capture_has_each_packet_so_often_and_later_each_time():
    with folder() as f, tools() as path:
        result = report(path, "--repeat", "1", "--times", "5", f.capture)["results"][0]
        expect(result["packets"] == 5 * len(f.frames), f"{result['packets']} packets")
        # The same attack five times, hours apart: as many findings, and no damaged capture.
        found = result["tools"]["smtap"]["found"]["198.51.100.7"]
        expect(found["bruteforce"] == 5, f"found {found}")


@case
def tshark_counts_the_refused_logins_of_each_source():
    tshark = shutil.which("tshark")
    if not tshark:
        return  # the real one or none
    with folder() as f, tools() as path:
        os.symlink(tshark, pathlib.Path(path, "tshark"))
        result = report(path, "--repeat", "1", "--tools", "tshark", f.capture)["results"][0]
        counts = {s: sum(a.values()) for s, a in result["tools"]["tshark"]["found"].items()}
        expect(
            counts == {"198.51.100.7": 24, "2001:db8:bad::1": 1, "2001:db8:bad::2": 1},
            f"tshark counts {counts}",
        )


@case
def what_is_wrong_is_one_line():
    with folder() as f, tools("suricata") as path:
        for args, word in (
            (["--tools", "nosuch", f.capture], "nosuch"),
            ([f.path / "none.pcap"], "no such file"),
            (["--cpu", "999", f.capture], "999"),
            (["--times", "2", f.put("x.pcap", b"nonsense")], "only pcap"),
        ):
            r = compare(path, *args)
            lines = r.stderr.splitlines()
            expect(r.returncode == 1 and len(lines) == 1 and word in lines[0], f"says {lines}")
        pathlib.Path(path, "suricata").write_text("#!/bin/sh\n[ $1 = -V ] || exit 3\necho v 7.0\n")
        r = compare(path, "--tools", "suricata", f.capture)
        expect("suricata ended with status 3" in r.stderr, f"says {r.stderr}")


@case
def table_is_for_people():
    with folder() as f, tools("zeek") as path:
        r = compare(path, "--repeat", "1", f.capture)
        expect("suricata: not installed" in r.stdout, r.stdout)
        expect("\n| smtap " in r.stdout and "\n| zeek " in r.stdout, r.stdout)
        expect("198.51.100.7: SMTP::Guess" in r.stdout, r.stdout)


if __name__ == "__main__":
    sys.exit(main())
