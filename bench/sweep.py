#!/usr/bin/env python3
"""Cost against open sessions, patterns, share of mail and frame size: measure, then draw.

    sweep.py run [--seconds N] [--repeats N] [--only LIST] BUILD > sweep.json
    sweep.py plot --svg OUT.svg sweep.json...

`run` has smtap-bench of the build folder play one scenario at several points, and prints its
JSON lines with the keys `sweep` and `x` added. `plot` draws a panel for each sweep: medians,
bars from the least to the greatest repeat, and the floor of the same run.
"""

import argparse
import collections
import hashlib
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import svg

Sweep = collections.namedtuple("Sweep", "title unit scenario option points curves")

COST = ("ns_per_packet", "a packet")
SCAN = ("scan_ns_per_packet", "Hyperscan alone")
SWEEPS = {
    "flows": Sweep(
        "churn: open sessions",
        "sessions",
        "churn",
        "--sessions",
        [10000, 30000, 100000, 300000, 1000000, 4000000],
        [COST],
    ),
    "rules": Sweep(
        "attack: patterns", "patterns", "attack", None, [20, 100, 500, 2000, 5000], [COST, SCAN]
    ),
    "mix": Sweep(
        "tap-mix: share of mail",
        "% of packets",
        "tap-mix",
        "--mail",
        [1, 2, 5, 10, 20, 50, 100],
        [COST],
    ),
    "size": Sweep(
        "background: frame size",
        "bytes",
        "background",
        "--frame",
        [60, 128, 256, 512, 1024, 1514],
        [COST],
    ),
}

# Patterns as the shipped ones are, by how many of them look at what: form, a line that matches.
CONTEXTS = [
    (
        "reply",
        "server",
        r"5\.7\.8 {}: authentication failed",
        "535 5.7.8 {}: authentication failed",
    ),
    ("command", "tool", r"^[EH][HE]LO[ \t]+{}[ \t]*$", "EHLO {}"),
    ("reply", "server", r"refused by {}", "550 5.7.1 refused by {}"),
    ("banner", "server", r"^220[ -][^ ]+ {} ", "220 mx.example {} ready"),
    ("header", "tool", r"^X-Mailer:[ \t]*{}", "X-Mailer: {}"),
]


def write_patterns(path, count):
    """A file of so many patterns, no two alike."""
    out = []
    for i in range(count):
        context, role, expression, line = CONTEXTS[i % len(CONTEXTS)]
        word = hashlib.sha256(str(i).encode()).hexdigest()[: 6 + i % 7]
        out.append(
            f"- id: {i + 1}\n  context: {context}\n  role: {role}\n  name: 'made {i + 1}'\n"
            f"  expression: '{expression.format(word)}'\n  why: 'made for a measurement'\n"
            f"  match: '{line.format(word)}'\n  no_match: '{line.format('z' + word[::-1] + 'z')}'\n"
        )
    path.write_text("\n".join(out), encoding="utf-8")


def measure(args, build, sweep, x, folder):
    """The JSON line of one point."""
    command = [build / "bench/smtap-bench", "--json"]
    command += ["--seconds", str(args.seconds), "--repeats", str(args.repeats)]
    command += ["--packets", str(args.packets)] if args.packets else []
    if sweep.option:
        command += [sweep.option, str(x)]
    else:
        patterns = pathlib.Path(folder, str(x))
        patterns.mkdir()
        write_patterns(patterns / "made.yaml", x)
        maker = [build / "patterns/smtap-patterns", "-o", patterns, patterns / "made.yaml"]
        subprocess.run(maker, check=True, stderr=subprocess.DEVNULL)
        command += ["--patterns", str(patterns)]
    done = subprocess.run([*command, sweep.scenario], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def run(args):
    build = pathlib.Path(args.build)
    wanted = args.only.split(",") if args.only else list(SWEEPS)
    with tempfile.TemporaryDirectory(prefix="smtap-sweep-") as folder:
        for name in wanted:
            for x in SWEEPS[name].points:
                line = measure(args, build, SWEEPS[name], x, folder)
                print(json.dumps({"sweep": name, "x": x, **line}), flush=True)


# Drawing.

WIDTH, HEIGHT = 340, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 26, 42
COLUMNS = 2


class Panel:
    """Where a value lies: across by the logarithm, up in proportion from 0."""

    def __init__(self, index, points, most):
        self.x0 = index % COLUMNS * WIDTH
        self.y0 = index // COLUMNS * HEIGHT
        self.low = math.log(min(points))
        self.range = math.log(max(points)) - self.low or 1
        self.most = most

    def across(self, x):
        room = WIDTH - LEFT - RIGHT - 20
        return self.x0 + LEFT + 10 + room * (math.log(x) - self.low) / self.range

    def up(self, value):
        return self.y0 + HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.most


def nice_step(most):
    """1, 2 or 5 times a power of ten: four to ten of them reach the most."""
    power = 10 ** math.floor(math.log10(most))
    return next(s * power for s in (0.1, 0.2, 0.5, 1, 2) if most / (s * power) <= 10)


def axes(panel, sweep, points):
    """Title, grid and labels."""
    out = [svg.text(panel.x0 + LEFT, panel.y0 + 15, sweep.title, 'class="t"')]
    step = nice_step(panel.most)
    for i in range(int(panel.most / step) + 1):
        y = panel.up(i * step)
        out.append(f'<path d="M{panel.x0 + LEFT} {y:.1f}H{panel.x0 + WIDTH - RIGHT}" class="g"/>')
        label = svg.number(round(i * step, 6))
        out.append(svg.text(panel.x0 + LEFT - 4, y + 3, label, 'text-anchor="end"'))
    for x in points:
        at = panel.across(x)
        out.append(svg.text(at, panel.up(0) + 13, svg.number(x), 'text-anchor="middle"'))
    middle = panel.x0 + (LEFT + WIDTH - RIGHT) / 2
    out.append(svg.text(middle, panel.up(0) + 27, sweep.unit, 'text-anchor="middle" class="u"'))
    side = f'transform="rotate(-90 {panel.x0 + 12} {panel.y0 + HEIGHT / 2})" class="u"'
    out.append(svg.text(panel.x0 + 12, panel.y0 + HEIGHT / 2, "ns", side))
    return out


def floor_of(row):
    """The floor is told as a rate: its time, least and most."""
    return tuple(1e3 / row["floor_mpps" + end] for end in ("", "_max", "_min"))


def curve_of(row, key):
    return tuple(row[key + end] for end in ("", "_min", "_max"))


def draw_curve(panel, rows, values, colour, dashes=""):
    bars, points = [], []
    for row, (middle, low, high) in zip(rows, values):
        x = panel.across(row["x"])
        points.append(f"{x:.1f},{panel.up(middle):.1f}")
        bars.append(
            f'<path d="M{x:.1f} {panel.up(low):.1f}V{panel.up(high):.1f}" '
            f'stroke="{colour}" opacity=".6"/>'
        )
        bars.append(f'<circle cx="{x:.1f}" cy="{panel.up(middle):.1f}" r="2" fill="{colour}"/>')
    return bars + [
        f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" '
        f'stroke-width="1.8" stroke-dasharray="{dashes}"/>'
    ]


def draw(index, name, rows):
    """One panel: each curve of the sweep, the floor, and by how much the cost grows."""
    sweep = SWEEPS[name]
    rows = sorted(rows, key=lambda row: row["x"])
    curves = [(label, [curve_of(r, key) for r in rows]) for key, label in sweep.curves]
    curves.append(("floor", [floor_of(r) for r in rows]))
    most = 1.08 * max(high for _, values in curves for _, _, high in values)
    points = [row["x"] for row in rows]
    panel = Panel(index, points, most)
    out = axes(panel, sweep, points)
    costs = [middle for middle, _, _ in curves[0][1]]
    growth = f"x {costs[-1] / costs[0]:.2f}"
    out.append(svg.text(panel.x0 + WIDTH - RIGHT, panel.y0 + 15, growth, 'text-anchor="end"'))
    for n, (label, values) in enumerate(curves):
        colour, dashes = (svg.COLOURS[-1], "4 3") if label == "floor" else (svg.COLOURS[n], "")
        out += draw_curve(panel, rows, values, colour, dashes)
        at = panel.up(values[-1][0]) - 5
        more = f'text-anchor="end" fill="{colour}"'
        out.append(svg.text(panel.x0 + WIDTH - RIGHT, at, label, more))
    return out


def plot(args):
    sweeps = collections.OrderedDict()
    for path in args.json:
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            sweeps.setdefault(row["sweep"], []).append(row)
    parts = [part for i, name in enumerate(sweeps) for part in draw(i, name, sweeps[name])]
    height = -(-len(sweeps) // COLUMNS) * HEIGHT
    title = "Cost of a packet against sessions, patterns, mix and size"
    args.svg.write_text(svg.document(COLUMNS * WIDTH, height, title, parts), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("run", help="measure")
    one.add_argument("--seconds", type=int, default=5, help="at each point (5)")
    one.add_argument("--repeats", type=int, default=9, help="(9)")
    one.add_argument("--packets", type=int, help="in each repeat, instead of the time")
    one.add_argument("--only", metavar="LIST", help="of " + ",".join(SWEEPS))
    one.add_argument("build", metavar="BUILD")
    one.set_defaults(do=run)
    two = verbs.add_parser("plot", help="draw")
    two.add_argument("--svg", type=pathlib.Path, required=True)
    two.add_argument("json", nargs="+")
    two.set_defaults(do=plot)
    args = parser.parse_args()
    try:
        args.do(args)
    except subprocess.CalledProcessError as e:
        sys.exit(f"sweep: {e.cmd[0]} ended with status {e.returncode}")


if __name__ == "__main__":
    main()
