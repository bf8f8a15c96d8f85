#!/usr/bin/env python3
"""The reference documentation against the programs: what can drift is generated or compared.

    manual.py BUILD           compare (prints TAP)
    manual.py BUILD --write   write the generated parts anew: the settings and exporters of
                              smtap.yaml(5), the detectors and counters of smtap-eve(5),
                              packaging/smtap.yaml

BUILD is the build folder with the programs.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

import metrics
import source

TOP = source.TOP
MAN = TOP / "doc/man"
EXAMPLE = TOP / "packaging/smtap.yaml"
CAPTURE = "tests/golden/17-base-bf-success-relay.pcap"
VERBS = [
    "replay",
    "run",
    "report",
    "reload",
    "top",
    "incidents",
    "sources",
    "accounts",
    "doctor",
    "check",
    "rules",
]

EXAMPLE_HEAD = """\
# Every setting of smtap with its default; remove a # to change one. The maps that hold a changed
# setting must stay as they are: two blanks below their name. `smtap check -c FILE` says whether
# the file is right; smtap.yaml(5) tells more.
#
# Durations: a whole number and one of d h m s ms us ns.
"""

EXAMPLE_RULES = """\
# Rules: what is known and needs no alert; smtap.yaml(5), RULES. suppress hides findings, allow
# keeps events from detectors. A reason is needed, of suppress also an end. Remove each "# ".
#
# suppress:
#   - source: 198.51.100.9
#     detector: [bruteforce, spray]
#     until: 2026-12-31
#     reason: penetration test, ticket 4711
# allow:
#   - account: newsletter@example.org
#     detector: relay_burst
#     reason: sends to our customers each Monday
#   - prefix: 192.0.2.0/28
#     detector: smtp_scan
#     reason: our monitoring
"""

EXAMPLE_EXPORTERS = """\
# Exporters: where alerts go besides the EVE file; each has a name of your own. smtap.yaml(5),
# EXPORTERS. What follows are the keys of all exporters, then a block for each type with its own;
# those that have no value here must be given one.
#
# exporters:
"""


def run(*command, **more):
    return subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, timeout=60, check=False, **more
    )


class Manual:
    """The programs of a build, and what they say of themselves."""

    def __init__(self, build):
        self.programs = {
            name: build / name
            for name in ("smtap", "smtap-dataplane", "smtap-control", "smtap-export")
        }
        self.programs["smtap-patterns"] = build / "patterns/smtap-patterns"

    def helps(self):
        """Page: the text of --help that it documents."""
        smtap = self.programs["smtap"]
        pages = {
            "smtap.1": [smtap],
            "smtap-dataplane.8": [self.programs["smtap-dataplane"]],
            "smtap-control.8": [self.programs["smtap-control"]],
            "smtap-export.8": [self.programs["smtap-export"]],
            "smtap-patterns.1": [self.programs["smtap-patterns"]],
        }
        pages |= {f"smtap-{verb}.1": [smtap, verb] for verb in VERBS}
        return {page: run(*command, "--help").stdout for page, command in pages.items()}

    def settings(self):
        return run(self.programs["smtap"], "check", "-c", "/dev/null", "--print").stdout

    def replay(self, folder):
        """Lines of eve.json and the two reports of the bundled capture."""
        smtap = self.programs["smtap"]
        text = run(smtap, "replay", "-o", folder, CAPTURE, cwd=TOP)
        report = run(smtap, "replay", "-o", folder, "--format", "json", CAPTURE, cwd=TOP)
        eve = pathlib.Path(folder, "eve.json").read_text()
        return (
            [json.loads(line) for line in eve.splitlines()],
            text.stdout,
            json.loads(report.stdout),
        )


# What is generated.


def settings_mdoc(printed):
    out, section, helped = [".Bl -tag -width Ds"], "", ""
    for line in printed.splitlines():
        text = line.strip()
        if text.startswith("# "):
            helped = text[2:]
        elif not line.startswith(" "):
            section = text.removesuffix(":")
        else:
            key, value = text.split(": ", 1)
            out += [
                f".It Cm {section}.{key}",
                *textwrap.wrap(helped + ".", 79),
                "Default:",
                f".Ql {value} .",
            ]
    return "\n".join(out + [".El", ""])


def example_yaml(printed):
    out = EXAMPLE_HEAD
    for line in printed.splitlines():
        if not line.startswith(" "):
            out += "\n" + line + "\n"
        elif line.strip().startswith("# "):
            out += line + "\n"
        else:
            out += re.sub(r"^( +)", r"\1#", line) + "\n"
    return out + "\n" + EXAMPLE_RULES + "\n" + example_exporters()


def strings(text):
    """The C string literals of a piece of source, neighbours joined."""
    joined = re.sub(r'"\s*(?:\\\n)?\s*"', "", text)
    return re.findall(r'"((?:[^"\\]|\\.)*)"', joined)


def x_bodies(path, macro):
    """What is between the brackets of each X(...) of a list, and some after."""
    text = (TOP / path).read_text().replace("\\\n", "\n")
    body = re.search(rf"#define {macro}\(X\)(.*?)(?=^#|^struct|^enum)", text, re.S | re.M).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    return re.split(r"\bX\(", body)[1:]


def x_rows(path, macro):
    """The strings of each X(...) of a list."""
    return [strings(row) for row in x_bodies(path, macro)]


EXPORTER_KEYS = "config/exporter_keys.h"


class ExporterKey:
    """A row of config/exporter_keys.h."""

    def __init__(self, row):
        self.kind, row = re.match(r"(\w+),\s*(.*)", row, re.S).groups()
        # "" would join what stands before and behind it.
        texts = ["" if t == "<>" else t for t in strings(row.replace(' "",', ' "<>",'))]
        self.name, self.help = texts[0], texts[-1]
        self.value = texts[1] if len(texts) > 2 else None
        self.choices = self.value.split("|") if self.kind == "CHOICE" else []

    def default(self):
        """As in YAML; None: it has to be given."""
        empty = "[]" if self.kind in ("NETS", "TEXTS") else '""'
        return self.choices[0] if self.choices else empty if self.value == "" else self.value

    def told(self):
        """What it means, and what may be chosen."""
        return self.help + (f" ({', '.join(self.choices)})" if self.choices else "")


def exporter_keys(macro):
    return [ExporterKey(row) for row in x_bodies(EXPORTER_KEYS, macro)]


def exporter_types():
    """(name, its keys, what it is)"""
    for row in x_bodies(EXPORTER_KEYS, "CONFIG_EXPORTER_TYPES"):
        name, what = strings(row)
        yield name, exporter_keys(re.search(r'",\s*(\w+),', row).group(1)), what


def keys_mdoc(keys):
    out = [".Bl -tag -width Ds"]
    for key in keys:
        out += [f".It Cm {key.name}", *textwrap.wrap(key.told() + ".", 79)]
        out += ["Required."] if key.default() is None else ["Default:", f".Ql {key.default()} ."]
    return out + [".El"]


def exporters_mdoc():
    out = ["Of every exporter:", *keys_mdoc(exporter_keys("CONFIG_EXPORTER_COMMON"))]
    for name, keys, what in exporter_types():
        out += [".Pp", f"Type\n.Cm {name} :\n{what}.", *keys_mdoc(keys)]
    return "\n".join(out + [""])


def template_mdoc():
    rows = x_rows("export/webhook/template.h", "TEMPLATE_NAMES")
    out = [".Bl -tag -width Ds -compact"]
    for name, text in rows:
        out += [f".It Cm {name}", *textwrap.wrap(text[0].upper() + text[1:] + ".", 79)]
    return "\n".join(out + [".El", ""])


def example_exporters():
    def keys_yaml(keys):
        for key in keys:
            yield f"#     # {key.told()}"
            yield f"#     {key.name}: {key.default() or ''}".rstrip()

    common = list(keys_yaml(exporter_keys("CONFIG_EXPORTER_COMMON")))
    out = []
    for name, keys, what in exporter_types():
        out += [f"#   # {what}", f"#   my-{name}:", f"#     type: {name}"]
        out += [*common, *keys_yaml(keys)]
        common = []
    return EXAMPLE_EXPORTERS + "\n".join(out + [""])


def counters_mdoc():
    rows = [(name, unit, text) for name, unit, text in x_rows("contract/counters.h", "COUNTERS")]
    for path, macro in (
        ("control/intake/intake.h", "INTAKE_COUNTERS"),
        ("control/export/eve.h", "EVE_COUNTERS"),
        ("control/outbox/outbox.h", "OUTBOX_COUNTERS"),
        ("control/engine/engine.h", "ENGINE_COUNTERS"),
    ):
        rows += [(name, unit, text) for name, unit, text in x_rows(path, macro)]
    out = [".Bl -tag -width Ds -compact"]
    for name, unit, text in rows:
        out += [f".It Va {name}", text + (f" ({unit})." if unit else ".")]
    return "\n".join(out + [".El", ""])


def metrics_mdoc():
    out = [".Bl -tag -width Ds -compact"]
    for name, (unit, text) in metrics.metrics().items():
        base = {"milliseconds": "seconds", "timestamp": "seconds since the epoch"}.get(unit, unit)
        out += [f".It Ic {name}", text + (f" ({base})." if base else ".")]
    return "\n".join(out + [".El", ""])


def detectors():
    """(name, signature id, ATT&CK technique, severity, category, title) of each detector."""
    text = (TOP / "control/detect/info.c").read_text()
    names = dict(re.findall(r'#define (CATEGORY_\w+) "([^"]*)"', text))
    row = re.compile(
        r'\[DETECTOR_\w+\] = \{"(\w+)",\s*"([^"]*)",\s*(CATEGORY_\w+),\s*'
        r'"([^"]*)",\s*(\d), (\d+)(?:,\s*"[^"]*")?\}'
    )
    return [
        (name, sid, mitre, severity, names[category], title)
        for name, title, category, mitre, severity, sid in row.findall(text)
    ]


def detectors_mdoc():
    out = [".Bl -tag -width Ds"]
    for name, sid, mitre, severity, category, title in detectors():
        out += [
            f".It Cm {name}",
            f"{title}.",
            f"Signature {sid}, severity {severity},",
            f".Dq {category} ;",
            f"ATT&CK {mitre}." if mitre else "no ATT&CK technique.",
        ]
    return "\n".join(out + [".El", ""])


SECTION = r'(\.\\" generated: {}\n).*?(\.\\" end generated\n)'


def generated(manual):
    """Path: what it should hold."""
    printed = manual.settings()
    parts = {
        "smtap.yaml.5": {
            "settings": settings_mdoc(printed),
            "exporters": exporters_mdoc(),
            "template": template_mdoc(),
        },
        "smtap-eve.5": {"detectors": detectors_mdoc(), "counters": counters_mdoc()},
        "smtap-metrics.5": {"metrics": metrics_mdoc()},
    }
    out = {EXAMPLE: example_yaml(printed)}
    for page, sections in parts.items():
        text = (MAN / page).read_text()
        for name, body in sections.items():
            pattern = re.compile(SECTION.format(name), re.S)
            if len(pattern.findall(text)) != 1:
                raise SystemExit(f"{page}: no part '{name}' to generate")
            text = pattern.sub(lambda m, body=body: m[1] + body + m[2], text)
        out[MAN / page] = text
    return out


# What is compared. Each check yields what is wrong.


def check_generated(manual):
    for path, text in generated(manual).items():
        if not path.exists() or path.read_text() != text:
            yield f"{path.relative_to(TOP)} is out of date: tests/lint/manual.py BUILD --write"


def check_example(manual):
    done = run(manual.programs["smtap"], "check", "-c", EXAMPLE)
    if done.returncode != 0:
        yield done.stderr.strip()
    printed = run(manual.programs["smtap"], "check", "--print", "-c", EXAMPLE).stdout
    if printed != manual.settings():
        yield "the example changes a setting"
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(re.sub(r"^( +)#(?! )", r"\1", EXAMPLE.read_text(), flags=re.M))
        f.flush()
        again = run(manual.programs["smtap"], "check", "--print", "-c", f.name)
        if again.stdout != printed:
            yield "the example with each # taken off is not the defaults: " + again.stderr.strip()


def check_rules_example(manual):
    """The rules in the example are right, once they are no comment."""
    rules = re.sub("^# ", "", EXAMPLE_RULES.split("#\n", 1)[1], flags=re.M)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(rules)
        f.flush()
        printed = run(manual.programs["smtap"], "check", "--print", "-c", f.name).stdout
    for word in ("198.51.100.9", "newsletter@example.org", "192.0.2.0/28", "2026-12-31"):
        if word not in printed:
            yield f"the rules of the example are not taken: no {word}"


def check_exporters_example(manual):
    """Those in the example are right, once they are no comment and have what must be given."""
    text = re.sub("^# ", "", example_exporters().split("#\n", 1)[1], flags=re.M)
    lists = {k.name for _, keys, _ in exporter_types() for k in keys if k.kind in ("NETS", "TEXTS")}
    urls = {k.name for _, keys, _ in exporter_types() for k in keys if k.kind == "URL"}

    def given(match):
        key = match[1]
        return f"    {key}: " + (
            "[192.0.2.1]" if key in lists else "https://a.example/" if key in urls else "a"
        )

    # A URL and a path may stand elsewhere, but somewhere they have to.
    text = re.sub(r'^    (url|path): ""$', r"    \1:", text, flags=re.M)
    text = re.sub(r"^    (?!type)(\w+):$", given, text, flags=re.M)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(text)
        f.flush()
        done = run(manual.programs["smtap"], "check", "--print", "-c", f.name)
    if done.returncode != 0:
        yield "the exporters of the example are not taken: " + done.stderr.strip()
    for name, _, _ in exporter_types():
        if f"type: {name}\n" not in done.stdout:
            yield f"the exporters of the example are not taken: no {name}"


def help_options(text):
    """Long options in the left column of a help text."""
    heads = [line.strip() for line in text.splitlines() if line.startswith(" ")]
    return {o for head in heads for o in re.findall(r"--[a-z][a-z-]*", re.split(r" {2,}", head)[0])}


def page_items(page, macro):
    """The words after a macro in the .It lines of a page."""
    found = set()
    for line in (MAN / page).read_text().splitlines():
        if line.startswith(f".It {macro} "):
            found |= set(re.findall(r"[a-z_0-9-]{2,}", line[len(f".It {macro}") :]))
    return found


def page_options(page):
    lines = [line for line in (MAN / page).read_text().splitlines() if line.startswith(".It Fl")]
    return {"-" + o for line in lines for o in re.findall(r"(?:Fl|,) (-[a-z][a-z-]*)", line)}


def differ(a, a_name, b, b_name):
    for name in sorted(a - b):
        yield f"{name} is in {a_name}, not in {b_name}"
    for name in sorted(b - a):
        yield f"{name} is in {b_name}, not in {a_name}"


def check_options(manual):
    for page, text in manual.helps().items():
        yield from differ(help_options(text), "--help", page_options(page), page)


def check_verbs(manual):
    text = run(manual.programs["smtap"], "--help").stdout
    verbs = set(re.findall(r"^  ([a-z]+) +[a-z]", text, re.M)) - {"smtap"}
    yield from differ(verbs, "smtap --help", set(VERBS), "tests/lint/manual.py")
    for verb in verbs:
        if f".Xr smtap-{verb} 1" not in (MAN / "smtap.1").read_text():
            yield f"{verb} is not in smtap.1"


KEY = re.compile(r'(?:line_put_\w+|json_object_set(?:_new)?|put_\w+)\(\s*\w+,\s*"(\w+)"')


def code_keys(*paths):
    found = set()
    for path in paths:
        text = (TOP / path).read_text()
        found |= set(KEY.findall(text)) | set(re.findall(r'\{TCP_\w+, "(\w+)"\}', text))
        for table in re.findall(r"\bkeys\[\] = \{([^}]*)\}", text):
            found |= set(re.findall(r'"(\w+)"', table))
    return found


def keys_of(value):
    if isinstance(value, dict):
        return set(value) | {k for v in value.values() for k in keys_of(v)}
    return {k for v in value for k in keys_of(v)} if isinstance(value, list) else set()


def check_keys(manual, eve, report):
    written = code_keys(
        *(
            f"control/export/{n}.c"
            for n in (
                "alert",
                "event",
                "incident",
                "line",
                "sensor",
                "signature",
                "stats",
                "suppress",
            )
        )
    )
    yield from differ(
        written | keys_of(eve), "EVE lines", page_items("smtap-eve.5", "Va"), "smtap-eve.5"
    )
    elsewhere = ("incidents", "counters")  # their keys are those of EVE lines
    own = code_keys("control/report/json.c") | set(elsewhere) | {"mitre_technique_id"}
    own |= keys_of({k: v for k, v in report.items() if k not in elsewhere})
    yield from differ(own, "the report", page_items("smtap-replay.1", "Va"), "smtap-replay.1")


def within(example, line):
    """Is the example the line with nothing but keys and entries left out?"""
    if isinstance(example, dict):
        return isinstance(line, dict) and all(
            k in line and within(v, line[k]) for k, v in example.items()
        )
    if isinstance(example, list):
        return isinstance(line, list) and all(any(within(e, x) for x in line) for e in example)
    return example == line


def check_examples(manual, eve, report):
    text = (MAN / "smtap-eve.5").read_text()
    blocks = re.findall(r"^\.Bd -literal.*?\n(\{.*?)\.Ed$", text, re.S | re.M)
    types = set()
    for block in blocks:
        example = json.loads(block)
        types.add(example["event_type"])
        if not any(within(example, line) for line in eve):
            yield f"smtap-eve.5: no line of the replay is {block[:90]}"
    yield from differ(types, "the examples", {line["event_type"] for line in eve}, "eve.json")


def check_readme(manual, report):
    """The report in README.md: lines of the real one in order; ... stands for others."""
    text = (TOP / "README.md").read_text()
    shown = re.search(r"report like this one:\n\n```\n(.*?)\n```", text, re.S)
    lines = iter(report.splitlines())
    for want in shown.group(1).splitlines() if shown else ["(no report)"]:
        if want.strip() not in ("", "...") and not any(line == want for line in lines):
            yield f"README.md: not, or not there, in the report: {want}"
            return


def check_links(manual):
    for name in source.project_files():
        if name.suffix != ".md":
            continue
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", (TOP / name).read_text()):
            if "://" not in target and not (TOP / name.parent / target).exists():
                yield f"{name}: {target} does not exist"


def check_thresholds(manual):
    """doc/detectors.md: `name` and its default at the start of a table row, or in a sentence."""
    text = (TOP / "doc/detectors.md").read_text()
    defaults, section = {}, ""
    for line in manual.settings().splitlines():
        if not line.startswith(" "):
            section = line.strip()[:-1]
        elif ": " in line and not line.strip().startswith("#"):
            key, value = line.strip().split(": ", 1)
            defaults[f"{section}.{key}"] = value.strip('"')
    told = re.findall(r"`(\w+\.\w+)` \| (\d+)(?: (min|h|%))?", text)
    told += re.findall(r"`(\w+\.\w+)` \((\d+)(?: (min|h|%))?\)", text)
    for name, number, unit in told:
        value = number + {"min": "m", "h": "h"}.get(unit, "")
        if name not in defaults:
            yield f"doc/detectors.md: there is no setting {name}"
        elif defaults[name] != value and defaults[name] != number:
            yield f"doc/detectors.md: {name} is {defaults[name]}, not {value}"
    if len(told) < 20:
        yield f"doc/detectors.md: only {len(told)} defaults recognised"


def main():
    manual = Manual(pathlib.Path(sys.argv[1]).resolve())
    if sys.argv[2:] == ["--write"]:
        for path, text in generated(manual).items():
            path.write_text(text)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        eve, text, report = manual.replay(folder)
    checks = {
        "generated_parts_are_what_the_programs_say": lambda: check_generated(manual),
        "the_example_configuration_is_the_defaults": lambda: check_example(manual),
        "the_rules_of_the_example_are_right": lambda: check_rules_example(manual),
        "the_exporters_of_the_example_are_right": lambda: check_exporters_example(manual),
        "each_option_is_in_help_and_in_its_page": lambda: check_options(manual),
        "each_command_has_its_page": lambda: check_verbs(manual),
        "each_key_that_is_written_is_documented": lambda: check_keys(manual, eve, report),
        "examples_are_lines_of_a_replay": lambda: check_examples(manual, eve, report),
        "the_report_in_the_readme_is_real": lambda: check_readme(manual, text),
        "links_lead_to_files": lambda: check_links(manual),
        "thresholds_told_are_the_defaults": lambda: check_thresholds(manual),
    }
    failed = 0
    print(f"1..{len(checks)}")
    for number, (name, check) in enumerate(checks.items(), 1):
        wrong = list(check())
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
        for line in wrong:
            print("#", line)
    return 1 if failed else 0


sys.exit(main())
