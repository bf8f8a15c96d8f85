#!/usr/bin/env python3
"""Tables and curves from what smtap-day --json printed.

    plot.py --svg OUT.svg --into PAGE.md SWEEP.json... BENIGN.json...

The SVG has one panel for each kind of attack: attackers found, by intensity and
tool. In PAGE.md the text between <!-- measured --> and <!-- end --> is replaced.
"""

import argparse
import collections
import json
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import svg as pieces  # noqa: E402
from svg import COLOURS, number  # noqa: E402
from svg import text as svg_text  # noqa: E402

TOOLS = ["smtap", "fail2ban", "zeek", "crowdsec", "crowdsec-slow"]
WIDTHS = [3.2, 1.8, 1.8, 1.8, 1.8]
DASHES = ["", "", "6 3", "2 3", "8 2 2 2"]

PANEL_W, PANEL_H = 300, 190
LEFT, RIGHT, TOP, BOTTOM = 34, 10, 24, 40
COLUMNS = 3
HEAD = 34

BEGIN, END = "<!-- measured -->", "<!-- end -->"
SEES = 0.9  # of the attackers: from there on a tool is said to see the kind


def read(paths):
    """Lines of the sweep by kind and intensity, in their order; and those of honest days."""
    cells, benign = collections.OrderedDict(), []
    for path in paths:
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if "kind" in row:
                kind = cells.setdefault(row["kind"], collections.OrderedDict())
                kind.setdefault(row["intensity"], []).append(row)
            else:
                benign.append(row)
    return cells, benign


def recalls(rows, tool):
    """The share found, for each seed."""
    return [row["tools"][tool]["found"] / row["attackers"] for row in rows]


def mean(values):
    """0 of nothing."""
    return statistics.fmean(values) if values else 0.0


class Panel:
    """One kind: where a point of the curve lies."""

    def __init__(self, index, intensities):
        self.x0 = index % COLUMNS * PANEL_W
        self.y0 = HEAD + index // COLUMNS * PANEL_H
        self.count = len(intensities)

    def across(self, i):
        room = PANEL_W - LEFT - RIGHT - 16
        return self.x0 + LEFT + 8 + (room * i / max(self.count - 1, 1))

    def up(self, share):
        return self.y0 + TOP + (PANEL_H - TOP - BOTTOM) * (1 - share)


def svg_axes(panel, kind, unit, intensities):
    """Title, grid and the labels of one panel."""
    out = [svg_text(panel.x0 + LEFT, panel.y0 + 14, kind, 'class="t"')]
    for share in (0, 0.5, 1):
        y = panel.up(share)
        out.append(f'<path d="M{panel.x0 + LEFT} {y:.1f}H{panel.x0 + PANEL_W - RIGHT}" class="g"/>')
        label = f"{100 * share:.0f}%"
        out.append(svg_text(panel.x0 + LEFT - 4, y + 3, label, 'text-anchor="end"'))
    for i, x in enumerate(intensities):
        at = panel.across(i)
        out.append(svg_text(at, panel.up(0) + 13, number(x), 'text-anchor="middle"'))
    middle = panel.x0 + (LEFT + PANEL_W - RIGHT) / 2
    out.append(svg_text(middle, panel.up(0) + 27, unit, 'text-anchor="middle" class="u"'))
    return out


def svg_curve(panel, tool, kind):
    """The line of one tool: the mean over seeds, a bar from least to most."""
    n = TOOLS.index(tool)
    points, bars = [], []
    for i, rows in enumerate(kind.values()):
        values = recalls(rows, tool)
        # Side by side where they are equal, else one hides the other.
        shift = (len(TOOLS) / 2 - n) * 1.4
        points.append(f"{panel.across(i):.1f},{panel.up(mean(values)) + shift:.1f}")
        if max(values) > min(values):
            low, high = panel.up(min(values)), panel.up(max(values))
            bars.append(
                f'<path d="M{panel.across(i):.1f} {low:.1f}V{high:.1f}" '
                f'stroke="{COLOURS[n]}" stroke-width="1" opacity=".6"/>'
            )
    line = (
        f'<polyline points="{" ".join(points)}" fill="none" stroke="{COLOURS[n]}" '
        f'stroke-width="{WIDTHS[n]}" stroke-dasharray="{DASHES[n]}"/>'
    )
    return bars + [line]


def svg(cells):
    """The whole picture."""
    rows = -(-len(cells) // COLUMNS)
    width, height = COLUMNS * PANEL_W, HEAD + rows * PANEL_H
    out = []
    for n, tool in enumerate(TOOLS):
        x = LEFT + n * 150
        out.append(
            f'<path d="M{x} 16h28" stroke="{COLOURS[n]}" stroke-width="{WIDTHS[n]}" '
            f'stroke-dasharray="{DASHES[n]}"/>'
        )
        out.append(svg_text(x + 34, 20, tool, 'font-size="12"'))
    for index, (name, kind) in enumerate(cells.items()):
        panel = Panel(index, kind)
        unit = next(iter(kind.values()))[0]["unit"]
        out += svg_axes(panel, name, unit, kind)
        for tool in reversed(TOOLS):
            out += svg_curve(panel, tool, kind)
    title = "Attackers found, by kind of attack, intensity and tool"
    return pieces.document(width, height, title, out)


def sees_from(kind, tool):
    """The weakest intensity from which on the tool finds at least SEES of the attackers."""
    best = None
    for x, rows in reversed(kind.items()):
        if mean(recalls(rows, tool)) < SEES:
            break
        best = x
    return best


def table_sees(cells):
    """Where each tool begins to see."""
    out = ["| kind | counted | " + " | ".join(TOOLS) + " |", "| --- | --- |" + " ---: |" * 5]
    for name, kind in cells.items():
        unit = next(iter(kind.values()))[0]["unit"]
        marks = [sees_from(kind, tool) for tool in TOOLS]
        shown = ["never" if x is None else number(x) for x in marks]
        out.append(f"| `{name}` | {unit} | " + " | ".join(shown) + " |")
    return out


def spell_time(minutes):
    """Minutes or hours, two digits."""
    if minutes < 1:
        return "< 1 min"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def found_after(rows, what):
    """The mean over seeds of the median; None when nobody was found."""
    values = [r["tools"]["smtap"][what] for r in rows if r["tools"]["smtap"]["found"]]
    return mean(values) if values else None


def main_detector(rows):
    """Which detector found most of them."""
    sums = collections.Counter()
    for row in rows:
        sums.update(row["found_by"])
    return sums.most_common(1)[0][0] if sums else ""


def percent(values):
    """The mean, and the spread where there is one."""
    text = f"{100 * mean(values):.0f}"
    if max(values) - min(values) > 0.005:
        text += f" ({100 * min(values):.0f} to {100 * max(values):.0f})"
    return text


def table_kind(name, kind):
    """All of one kind."""
    unit = next(iter(kind.values()))[0]["unit"]
    out = [
        f"#### {name}",
        "",
        f"| {unit} | " + " | ".join(f"{t} %" for t in TOOLS) + " | smtap after | tries | by |",
        "| ---: |" + " ---: |" * 7 + " --- |",
    ]
    for x, rows in kind.items():
        minutes, tries = found_after(rows, "minutes"), found_after(rows, "tries")
        cols = [percent(recalls(rows, tool)) for tool in TOOLS]
        cols.append("" if minutes is None else spell_time(minutes))
        cols.append("" if tries is None else f"{tries:.0f}")
        cols.append(main_detector(rows))
        out.append(f"| {number(x)} | " + " | ".join(cols) + " |")
    return out + [""]


def rate(row, count):
    """A day, ten thousand users."""
    return count / row["days"] * 10000 / row["users"]


def spread(values):
    """Mean (least to most)."""
    text = f"{mean(values):.2f}"
    if max(values) > min(values):
        text += f" ({min(values):.2f} to {max(values):.2f})"
    return text


def table_false(benign):
    """False alerts of honest days, by tool and by detector of smtap."""
    out = ["| who speaks | false alerts a day for 10,000 users |", "| --- | ---: |"]
    for tool in TOOLS:
        values = [rate(row, row["tools"][tool]["false"]) for row in benign]
        out.append(f"| {tool} | {spread(values)} |")
    names = sorted({name for row in benign for name in row["false_by"]})
    for name in names:
        values = [rate(row, row["false_by"].get(name, 0)) for row in benign]
        out.append(f"| smtap: `{name}` | {spread(values)} |")
    values = [rate(row, row["stale_right"]) for row in benign]
    out.append(f"| not false: smtap names a forgotten device | {spread(values)} |")
    return out


def table_wrong(cells):
    """Verdicts about an attacker or a victim that do not fit what happened."""
    sums = collections.Counter()
    attackers = collections.Counter()
    for name, kind in cells.items():
        for rows in kind.values():
            for row in rows:
                attackers[name] += row["attackers"]
                for detector, count in row["wrong_by"].items():
                    sums[name, detector] += count
    out = ["| kind | verdict | of attackers, all intensities |", "| --- | --- | ---: |"]
    for (name, detector), count in sums.most_common():
        out.append(f"| `{name}` | `{detector}` | {count} of {attackers[name]} |")
    return out if sums else ["None."]


STAGES = [
    ("scan", ["smtp_scan"]),
    ("guessing", ["bruteforce", "slow"]),
    ("success", ["compromise"]),
    ("relay", ["relay_burst"]),
    ("bounces", ["bounce_wave"]),
    ("blocklisted", ["blocklisted"]),
]


def table_chain(kind):
    """The stages of the whole attack that were seen, and how many incidents they became."""
    out = [
        "| guesses an hour | " + " | ".join(f"{s} %" for s, _ in STAGES) + " | incidents |",
        "| ---: |" + " ---: |" * (len(STAGES) + 1),
    ]
    for x, rows in kind.items():
        cols = []
        for _, names in STAGES:
            seen = [max(r["found_by"].get(n, 0) for n in names) / r["attackers"] for r in rows]
            cols.append(percent(seen))
        cols.append(f"{mean([r['incidents'] for r in rows]):.2f}")
        out.append(f"| {number(x)} | " + " | ".join(cols) + " |")
    return out


def page(cells, benign):
    """What stands between the marks."""
    out = ["### Where each begins to see", "", *table_sees(cells), ""]
    if benign:
        out += ["### False alerts", "", *table_false(benign), ""]
    out += ["### Verdicts that do not fit", "", *table_wrong(cells), ""]
    if "chain" in cells:
        out += ["### The whole chain", "", *table_chain(cells["chain"]), ""]
    out += ["### All figures", ""]
    for name, kind in cells.items():
        out += table_kind(name, kind)
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("--into", type=pathlib.Path)
    parser.add_argument("json", nargs="+")
    args = parser.parse_args()
    cells, benign = read(args.json)
    if args.svg:
        args.svg.write_text(svg(cells), encoding="utf-8")
    if args.into:
        text = args.into.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN, 1)
        tail = rest.split(END, 1)[1]
        args.into.write_text(f"{head}{BEGIN}\n{page(cells, benign)}{END}{tail}", encoding="utf-8")


main()
