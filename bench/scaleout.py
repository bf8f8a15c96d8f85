#!/usr/bin/env python3
"""Two workers on two cores beside one: the ratio of their packets a second.

usage: scaleout.py [--seconds N] [--repeats N] [--cpus A,B] [--threads] BUILD [SCENARIO...]

Each worker is a smtap-bench bound to its core, with its own port, pool, tables, event ring and
packets; what it times is its worker alone (bench/README.md), and a chunk during which its core was
taken away does not count. In turn: the first alone, the second alone, both at once. The ratio is
what both do together to the mean of what each does alone, the median over the repeats. It shows
what the caches and the memory that two cores share cost. With --threads both are threads of one
process, as the dataplane has them: a cache line that both wrote would cost too.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys


def start(program, cpu, scenario, seconds):
    command = [program, "--json", "--seconds", str(seconds), "--repeats", "1"]
    return subprocess.Popen(
        [*command, "--cpu", str(cpu), scenario], stdout=subprocess.PIPE, text=True
    )


def start_threads(program, cpus, scenario, seconds):
    """Both workers in one process, as the dataplane has them."""
    command = [program, "--json", "--seconds", str(seconds), "--repeats", "1"]
    command += ["--cpu", str(cpus[0]), "--beside", str(cpus[1]), scenario]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def mpps(process):
    """What its workers did; None when a core was never its own."""
    out, _ = process.communicate()
    if process.returncode != 0 or not out:
        return None
    return sum(json.loads(line)["mpps"] for line in out.splitlines())


def once(program, cpus, scenario, seconds, threads):
    """(alone, together) in Mpps, or None."""
    alone = [mpps(start(program, cpu, scenario, seconds)) for cpu in cpus]
    if threads:
        both = [start_threads(program, cpus, scenario, seconds)]
    else:
        both = [start(program, cpu, scenario, seconds) for cpu in cpus]
    together = [mpps(process) for process in both]
    if None in alone or None in together:
        return None
    return sum(alone) / 2, sum(together)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--cpus", default=None)
    parser.add_argument("--threads", action="store_true", help="both workers in one process")
    parser.add_argument("build")
    parser.add_argument("scenarios", nargs="*", default=["attack", "background"])
    options = parser.parse_args()
    allowed = sorted(os.sched_getaffinity(0))
    cpus = [int(c) for c in options.cpus.split(",")] if options.cpus else allowed[:2]
    if len(cpus) != 2:
        sys.exit("scaleout.py: two CPUs are needed")
    program = pathlib.Path(options.build, "bench/smtap-bench")
    for scenario in options.scenarios or ["attack", "background"]:
        pairs = [
            once(program, cpus, scenario, options.seconds, options.threads)
            for _ in range(options.repeats)
        ]
        pairs = [pair for pair in pairs if pair]
        if not pairs:
            sys.exit(f"scaleout.py: {scenario}: no repeat was undisturbed")
        ratios = [together / alone for alone, together in pairs]
        line = {
            "scenario": f"scaleout-{scenario}{'-threads' if options.threads else ''}",
            "repeats": len(pairs),
            "mpps_1": statistics.median(alone for alone, _ in pairs),
            "mpps_2": statistics.median(together for _, together in pairs),
            "ratio": statistics.median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
