#!/usr/bin/env python3
"""Run a checker over all the files that are its business.

    tools.py format|shell|man

Exit status 77 (skipped, for meson) when the tool is not installed, or not in the version whose
answer we know.
"""

import re
import shutil
import subprocess
import sys

import source

SKIP = 77
CLANG_FORMAT_MAJOR = "14"  # Debian 12's; others lay out some lines differently


def skip(why):
    print("skipped:", why)
    return SKIP


def run(command, names):
    """The tool's exit status over these files, run at the top of the project."""
    if not names:
        print("nothing to check")
        return 0
    done = subprocess.run([*command, *map(str, names)], cwd=source.TOP, check=False)
    print(f"{len(names)} files, {command[0]} says {done.returncode}")
    return 1 if done.returncode else 0


def check_format(names):
    version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True,
                             check=True).stdout
    major = re.search(r"version (\d+)", version)
    if not major or major.group(1) != CLANG_FORMAT_MAJOR:
        return skip(f"clang-format {CLANG_FORMAT_MAJOR} decides; this is {version.strip()}")
    return run(["clang-format", "--dry-run", "-Werror"], [n for n in names if source.is_c(n)])


def check_shell(names):
    return run(["shellcheck"], [n for n in names if source.is_shell(n)])


def check_man(names):
    pages = [n for n in names if re.fullmatch(r"\.[1-9]", n.suffix)]
    return run(["mandoc", "-T", "lint", "-W", "warning"], pages)


CHECKS = {
    "format": ("clang-format", check_format),
    "shell": ("shellcheck", check_shell),
    "man": ("mandoc", check_man),
}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        print(__doc__, file=sys.stderr)
        return 2
    tool, check = CHECKS[sys.argv[1]]
    if not shutil.which(tool):
        return skip(f"{tool} is not installed")
    return check(source.project_files())


sys.exit(main())
