#!/usr/bin/env python3
"""The parts of the style that a program can see. Fails with file:line for each breach.

    style.py               check the project
    style.py --self-test   check that each kind of breach is found
"""

import re
import sys

import source

FILE_LINES_MAX = 600
COLUMNS_MAX = 100
TAB = 8
FUNCTION_LINES_MAX = 60
PARAMETERS_MAX = 6  # five is the aim; past six there is no excuse
# But for the callback of a library, which decides on its parameters.
FOREIGN = re.compile(r"\(void \*\w+, struct MHD_Connection \*")

# Written so that this file does not breach its own rule.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
STRUCT_TYPEDEF = re.compile(r"^\s*typedef\s+(struct|union)\b")


def is_code(name):
    return source.is_c(name) or name.suffix == ".py" or source.is_shell(name)


def check_lines(name, lines):
    for number, line in enumerate(lines, 1):
        if is_code(name) and len(line.expandtabs(TAB)) > COLUMNS_MAX:
            yield f"{name}:{number}: longer than {COLUMNS_MAX} columns"
        if is_code(name) and line != line.rstrip():
            yield f"{name}:{number}: ends in blanks"
        if UNFINISHED.search(line):
            yield f"{name}:{number}: finish it, or open an issue"
    if is_code(name) and len(lines) > FILE_LINES_MAX:
        yield f"{name}:{FILE_LINES_MAX + 1}: longer than {FILE_LINES_MAX} lines"


def parameters(signature):
    """How many parameters the function of this signature takes."""
    inner = signature[signature.find("(") + 1:signature.rfind(")")]
    if inner.strip() in ("", "void"):
        return 0
    depth = count = 0
    for c in inner:
        depth += (c == "(") - (c == ")")
        count += c == "," and depth == 0
    return count + 1


def check_function(name, lines, opened, closed):
    """A function whose braces are on these lines (from 0), its signature just above."""
    start = opened
    while start > 0 and lines[start - 1].strip() and lines[start - 1][0] not in "}#/":
        start -= 1
    length = closed - opened - 1
    if length > FUNCTION_LINES_MAX:
        yield f"{name}:{opened + 1}: a function of {length} lines; {FUNCTION_LINES_MAX} at most"
    signature = " ".join(lines[start:opened])
    count = parameters(signature)
    if count > PARAMETERS_MAX and not FOREIGN.search(signature):
        yield f"{name}:{opened + 1}: {count} parameters; {PARAMETERS_MAX} at most, else a struct"


def check_c(name, lines):
    opened = None
    for number, line in enumerate(lines):
        if STRUCT_TYPEDEF.match(line):
            yield f"{name}:{number + 1}: a struct keeps its name: no typedef"
        # clang-format gives only functions a brace alone in the first column.
        if line == "{":
            opened = number
        elif line == "}" and opened is not None:
            yield from check_function(name, lines, opened, number)
            opened = None


def check_text(name, text):
    lines = text.split("\n")
    if is_code(name) and text and not text.endswith("\n"):
        yield f"{name}:{len(lines)}: no newline at the end"
    lines = text.splitlines()
    yield from check_lines(name, lines)
    if source.is_c(name):
        yield from check_c(name, lines)


def self_test():
    from pathlib import PurePath

    c = PurePath("base/planted.c")
    call = "static int\nplanted({})\n{{\n{}}}\n"
    unfinished = "/* TO" "DO */\n"
    planted = [
        ("x" * 101 + "\n", "columns"),
        ("\t" * 12 + "xxxxx\n", "columns"),
        ("int x; \n", "blanks"),
        ("int x;", "newline"),
        (unfinished, "finish"),
        ("\n" * 601, "lines"),
        (call.format("void", "\t;\n" * 61), "function of 61"),
        (call.format("int a, int b, int c, int d, int e, int f, int g", ""), "7 parameters"),
        ("typedef struct a b;\n", "typedef"),
    ]
    fine = [
        "\t" * 12 + "xxxx\n",
        "\n" * 600,
        call.format("void", "\t;\n" * 60),
        call.format("int a, int (*b)(int, int), int c, int d, int e, int f", ""),
        "typedef int (*handler)(struct x *);\n",
    ]
    failed = [want for text, want in planted
              if [want in e for e in check_text(c, text)] != [True]]
    failed += [text for text in fine if list(check_text(c, text))]
    for what in failed:
        print("self-test failed:", repr(what[:60]))
    print(f"{len(planted)} planted breaches")
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    errors = []
    names = source.project_files()
    for name in names:
        text = source.read(name)
        if text is not None:
            errors += check_text(name, text)
    print("\n".join(errors) if errors else f"{len(names)} files keep to the style")
    return 1 if errors or not names else 0


sys.exit(main())
