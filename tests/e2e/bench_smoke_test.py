#!/usr/bin/env python3
"""smtap-bench runs each scenario over a few packets: shape and counters, never speed.

usage: bench_smoke_test.py SMTAP-BENCH   (prints TAP)
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

SWEEP = pathlib.Path(__file__).resolve().parents[2] / "bench/sweep.py"
SWEEPS = {
    "mix": [1, 2, 5, 10, 20, 50, 100],
    "size": [60, 128, 256, 512, 1024, 1514],
}
PACKETS = 20000
REPEATS = 3
MIXES = ["background", "tap-mix", "mail", "attack", "synflood", "churn", "worst"]
LINES = [*MIXES[:-1], "worst-bytes", "worst-lines"]  # of their report
FIGURES = [
    "mpps",
    "gbps",
    "ns_per_packet",
    "cycles_per_packet",
    "floor_mpps",
    "ratio_to_floor",
    "scan_ns_per_packet",
]


def bench(program, *arguments):
    return subprocess.run(
        [program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=100,
        check=False,
    )


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def check_figures(line):
    for name in FIGURES:
        low, middle, high = (line[name + suffix] for suffix in ("_min", "", "_max"))
        expect(low <= middle <= high, f"{name}: {low} <= {middle} <= {high}")
        expect(high > 0 or name.startswith("scan"), f"{name} is not positive")


def each_mix_reports_what_it_played(program):
    """The program itself fails when its counters disagree with the packets."""
    done = bench(
        program,
        "--json",
        "--packets",
        str(PACKETS),
        "--repeats",
        str(REPEATS),
        "--sessions",
        "64",
        *MIXES,
    )
    expect(done.returncode == 0, f"exit status {done.returncode}: {done.stderr}")
    lines = {line["scenario"]: line for line in map(json.loads, done.stdout.splitlines())}
    expect(list(lines) == LINES, f"lines of {list(lines)}")
    for line in lines.values():
        expect(line["packets"] == PACKETS * REPEATS, f"{line['packets']} packets")
        expect(64 * line["packets"] * 0.8 < line["bytes"] < 1515 * line["packets"], "bytes")
        check_figures(line)
    expect(lines["background"]["sessions"] == 0, "background has no mail sessions")
    expect(lines["mail"]["sessions"] > 0, "mail has sessions")
    expect(lines["attack"]["auth_failures"] > 1000, "attack has failed logins")
    expect(lines["attack"]["events"] >= lines["attack"]["auth_failures"], "attack has events")
    expect(lines["synflood"]["auth_failures"] > 100, "the flood hides no failed login")
    expect(lines["synflood"]["sessions"] > PACKETS * 0.9, "most packets open a session")
    churn = lines["churn"]
    expect(18 < churn["packets"] / churn["sessions"] < 22, "churn's sessions have 20 packets")
    expect(lines["worst-bytes"]["bytes"] < 56 * lines["worst-bytes"]["packets"], "crumbs")
    expect(lines["tap-mix"]["bytes"] < lines["mail"]["bytes"], "frames of mail are larger")


def each_stage_has_its_share(program):
    few = ["--packets", str(PACKETS), "--repeats", "1", "--sessions", "64"]
    done = bench(program, "--json", "--stages", *few, "background", "attack")
    expect(done.returncode == 0, f"exit status {done.returncode}: {done.stderr}")
    background, attack = map(json.loads, done.stdout.splitlines())
    for name in ("rx", "sieve", "decode", "free", "flow", "tcp", "smtp", "match", "emit"):
        expect(f"stage_{name}_ns" in background, f"{name} is not there")
    expect(background["stage_sieve_ns"] > 0, "background is sieved")
    expect(background["stage_smtp_ns"] == 0, "background comes to smtp")
    for name in ("sieve", "flow", "tcp", "smtp"):
        expect(attack[f"stage_{name}_ns"] > 0, f"attack takes no time in {name}")


def a_driver_receives_all_of_it_too(program):
    """By a memif, both ends of which are the program's own. What is no scenario of it is told."""
    few = ["--packets", str(PACKETS), "--repeats", "2", "--sessions", "64"]
    done = bench(program, "--json", "--memif", *few, "background", "tap-mix")
    expect(done.returncode == 0, f"exit status {done.returncode}: {done.stderr}")
    for line in map(json.loads, done.stdout.splitlines()):
        expect(line["packets"] == 2 * PACKETS, f"{line['packets']} packets")
        check_figures(line)
    done = bench(program, "--memif", *few, "overload")
    expect(done.returncode == 1 and done.stderr.count("\n") == 1, f"overload: {done.stderr}")


def each_database_has_a_cost(program):
    done = bench(program, "--json", "--packets", "1", "--repeats", "1", "patterns")
    expect(done.returncode == 0, f"exit status {done.returncode}: {done.stderr}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    contexts = sorted(line["context"] for line in lines)
    expect(contexts == ["banner", "command", "header", "reply"], f"contexts {contexts}")


def overload_plays_each_load_with_and_without_shedding(program):
    few = ["--packets", str(PACKETS), "--sessions", "64", "--repeats", "2"]
    done = bench(program, "--json", "--no-patterns", *few, "overload")
    expect(done.returncode == 0, f"overload: status {done.returncode}: {done.stderr.strip()}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    cases = {(line["load"], line["sources"], line["shed"]) for line in lines}
    expect(len(cases) == len(lines) == 16, f"not each case once: {cases}")
    for line in lines:
        expect(line["repeats"] == 2, "not each repeat was played")
        expect(0 <= line["percent_counted"] <= 100, f"{line['percent_counted']} % were counted")
        expect(line["shed"] == "yes" or line["shed_packets"] == 0, "it sheds what it may not")


def the_list_names_each_scenario(program):
    done = bench(program, "--list")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    expect(done.returncode == 0 and set(MIXES) < set(names), f"names {names}")


def what_is_not_understood_is_one_line(program):
    for arguments in (["no-such"], ["--seconds", "x"], ["--repeats", "0"]):
        done = bench(program, *arguments)
        expect(done.returncode == 2, f"{arguments}: exit status {done.returncode}")
        expect(done.stderr.count("\n") == 1, f"{arguments}: {done.stderr}")


def a_sweep_is_measured_and_drawn(program):
    """bench/sweep.py: a line for each point, and a picture with a point for each line."""
    build = pathlib.Path(program).resolve().parent.parent
    few = ["--packets", "8192", "--repeats", "2", "--only", "mix,size"]
    done = bench(sys.executable, str(SWEEP), "run", *few, str(build))
    expect(done.returncode == 0, f"exit status {done.returncode}: {done.stderr}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    points = {name: [r["x"] for r in lines if r["sweep"] == name] for name in SWEEPS}
    expect(points == SWEEPS, f"points are {points}")
    large = [r["bytes"] / r["packets"] for r in lines if r["sweep"] == "size"]
    expect(large == sorted(large) and large[-1] == 1514, f"bytes a packet are {large}")
    for row in (r for r in lines if r["sweep"] == "mix" and r["x"] == 100):
        expect(row["sessions"] > 0, "all of it is mail")
    with tempfile.TemporaryDirectory(prefix="e2e-") as folder:
        data, out = pathlib.Path(folder, "sweep.json"), pathlib.Path(folder, "out.svg")
        data.write_text(done.stdout, encoding="utf-8")
        drawn = bench(sys.executable, str(SWEEP), "plot", "--svg", str(out), str(data))
        expect(drawn.returncode == 0, f"exit status {drawn.returncode}: {drawn.stderr}")
        picture = xml.etree.ElementTree.parse(out).getroot()
    # Each point of a cost and of its floor.
    circles = sum(element.tag.endswith("circle") for element in picture.iter())
    expect(circles == 2 * len(lines), f"{circles} points are drawn")


CASES = [
    each_mix_reports_what_it_played,
    each_stage_has_its_share,
    a_driver_receives_all_of_it_too,
    each_database_has_a_cost,
    the_list_names_each_scenario,
    overload_plays_each_load_with_and_without_shedding,
    a_sweep_is_measured_and_drawn,
    what_is_not_understood_is_one_line,
]


def main():
    failed = 0
    print(f"1..{len(CASES)}")
    for number, case in enumerate(CASES, 1):
        try:
            case(sys.argv[1])
            print(f"ok {number} - {case.__name__}", flush=True)
        except Exception as error:  # whatever it is, the next case runs
            failed += 1
            print(f"not ok {number} - {case.__name__}\n# {error}", flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
