#!/usr/bin/env python3
"""No object of the dataplane has writable globals, which two workers would share.

usage: globals.py BUILD

What is left is what a worker is given: its pipeline and shed, its ring, its own
struct, each in cache lines of its own. The benchmarks, which do have such globals, prove that
they would be found.
"""
import pathlib
import subprocess
import sys

WRITABLE = (".data", ".bss", ".tdata", ".tbss")


def writable(path):
    """(section, bytes) of an object file that can be written at run time."""
    out = subprocess.run(
        ["readelf", "-SW", path], capture_output=True, text=True, check=True
    ).stdout
    found = []
    for line in out.splitlines():
        fields = line.partition("]")[2].split()
        # Only the loader writes .data.rel.ro.
        if len(fields) < 5 or not fields[0].startswith(WRITABLE) or "rel.ro" in fields[0]:
            continue
        if int(fields[4], 16) > 0:
            found.append((fields[0], int(fields[4], 16)))
    return found


def main():
    build = pathlib.Path(sys.argv[1])
    objects = sorted((build / "dataplane").rglob("*.c.o"))
    if len(objects) < 40:
        sys.exit(f"{len(objects)} objects below {build}/dataplane: is it built?")
    wrong = 0
    for path in objects:
        for section, size in writable(path):
            print(f"{path.relative_to(build)}: {size} bytes in {section}")
            wrong += 1
    if not any(writable(path) for path in (build / "bench").rglob("*.c.o")):
        print("nothing writable in bench/ either: this test sees nothing")
        wrong += 1
    print(f"{len(objects)} objects of the dataplane, {wrong} faults")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
