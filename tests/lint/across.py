#!/usr/bin/env python3
"""The programs that the build means to optimise across their files are.

usage: across.py PROGRAM...

The linker says nothing when it leaves that out, and all works, only slower. What it does leaves
names behind that no object file has.
"""
import subprocess
import sys


def main():
    wrong = 0
    for program in sys.argv[1:]:
        out = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
        if ".lto_priv" not in out:
            print(f"{program}: is linked from objects that were optimised one by one")
            wrong += 1
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
