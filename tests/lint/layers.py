#!/usr/bin/env python3
"""Who may include whom (doc/architecture.md, Layers).

Fails with file:line for each #include that crosses a layer.

    layers.py               check the project
    layers.py --self-test   check that each kind of violation is found
"""

import pathlib
import re
import sys
import tempfile

import source

# The core, lowest first: a part includes only parts before it, and never an EAL.
CORE = ["decode", "frag", "flow", "tcp", "match", "emit", "smtp", "shed", "pipeline"]
CORE_PARTS = [f"dataplane/{part}" for part in CORE]

# module: the modules that its files may include, besides itself.
MAY = {
    "base": [],
    "contract": ["base"],
    "config": ["base", "contract"],
    "patterns": ["base", "contract"],
    **{part: ["base", "contract", *CORE_PARTS[:i]] for i, part in enumerate(CORE_PARTS)},
    "dataplane/io": ["base", "contract", "config", "confine", *CORE_PARTS],
    "store": ["base"],
    "confine": ["base"],
    "control": ["base", "contract", "config", "confine", "patterns", "store"],
    "export": ["base", "contract", "config", "confine"],
    "packaging": [],
    "cli": ["base", "contract", "config", "patterns", "store"],
}

# smtp takes byte spans from whoever has them: it knows nothing of TCP.
MAY["dataplane/smtp"].remove("dataplane/tcp")

# Libraries that stay at one edge: (header, who may include it, why).
EDGES = [
    (re.compile(r"^(rte_|.*/rte_)"), ["dataplane/io"], "DPDK stays at the edge"),
    (re.compile(r"^(hs|hs_.*|hs/.*)\.h$"), ["dataplane/match", "patterns"],
     "Hyperscan is match's and the pattern compiler's"),
    (re.compile(r"^pcap"), ["dataplane/io"], "captures are read by io"),
    (re.compile(r"^maxminddb"), ["control"], "databases of addresses are control's"),
    (re.compile(r"^sqlite3"), ["store"], "the file of incidents is store's"),
    (re.compile(r"^(curl/|microhttpd|librdkafka/|gnutls/)"), ["export"],
     "what speaks to the network is export's"),
    (re.compile(r"^(seccomp|cap-ng)"), ["confine"], "what a process gives up is confine's"),
]

# These prove and measure: they may include anything.
FREE = ["tests", "bench"]

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def module_of(name):
    """The module of a path: its first folder, in dataplane/ the first two; None at the top."""
    parts = pathlib.PurePath(name).parts
    if len(parts) < 2:
        return None
    if parts[0] == "dataplane":
        return "/".join(parts[:2])
    return parts[0]


def quoted_error(module, header):
    """What is wrong with #include "header" in a file of module, or None."""
    target = module_of(header)
    if ".." in header.split("/") or target is None:
        return f'"{header}" does not name its file from the top of the project'
    if target != module and target not in MAY[module]:
        return f"{module} may not include {target} (it may: {', '.join(MAY[module]) or 'nothing'})"
    return None


def edge_error(module, header):
    """What is wrong with including a library's header in a file of module, or None."""
    for pattern, owners, why in EDGES:
        if pattern.match(header) and module not in owners:
            return f"{header} belongs to {', '.join(owners)}: {why}"
    return None


def check_file(name, text):
    """file:line: what, for each violation in one file."""
    module = module_of(name)
    if module in FREE or module is None:
        return []
    if module not in MAY:
        return [f"{name}:1: no layer is known for {module}: add it to tests/lint/layers.py"]
    errors = []
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quoted, angled = found.groups()
        error = edge_error(module, quoted or angled)
        if error is None and quoted:
            error = quoted_error(module, quoted)
        if error:
            errors.append(f"{name}:{number}: {error}")
    return errors


def check(top):
    """Every violation below top, and the number of files looked at."""
    names = [n for n in source.project_files(top) if source.is_c(n)]
    return [e for n in names for e in check_file(n, source.read(n, top) or "")], len(names)


PLANTED = [
    ("dataplane/smtp/a.c", '#include "dataplane/tcp/tcp.h"'),
    ("dataplane/smtp/b.c", "#include <rte_mbuf.h>"),
    ("dataplane/flow/c.c", '#  include "rte_hash.h"'),
    ("dataplane/decode/d.h", '#include "dataplane/flow/flow.h"'),
    ("dataplane/tcp/e.c", '#include "dataplane/pipeline/pipeline.h"'),
    ("dataplane/emit/f.c", '#include "config/config.h"'),
    ("dataplane/io/g.c", '#include "control/engine/engine.h"'),
    ("control/intake/h.c", '#include "dataplane/emit/emit.h"'),
    ("control/intake/i.c", "#include <rte_ring.h>"),
    ("control/intake/j.c", '#include "../../dataplane/emit/emit.h"'),
    ("base/k.c", '#include "contract/event.h"'),
    ("contract/l.c", '#include "control/engine/engine.h"'),
    ("cli/m.c", '#include "dataplane/io/worker.h"'),
    ("cli/n.c", "#include <hs.h>"),
    ("common/o.c", '#include "base/utf8.h"'),
    ("patterns/p.c", '#include "pattern.h"'),
    ("cli/v.c", "#include <maxminddb.h>"),
]

ALLOWED = [
    ("dataplane/io/q.c", '#include <rte_ethdev.h>\n#include "dataplane/pipeline/pipeline.h"'),
    ("dataplane/smtp/r.c", '#include "dataplane/match/match.h"\n#include "base/utf8.h"'),
    ("control/detect/s.c", '#include "control/aggr/aggr.h"\n#include "config/config.h"'),
    ("tests/unit/t.c", '#include "packet.h"\n#include <rte_mbuf.h>'),
    ("bench/u.c", '#include <rte_hash.h>\n#include "dataplane/flow/flow.h"'),
]


def self_test():
    """0 when each planted violation is found, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        for name, text in PLANTED + ALLOWED:
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text + "\n")
        errors, _ = check(top)
    blamed = sorted(e.split(":")[0] for e in errors)
    if blamed == sorted(name for name, _ in PLANTED):
        print(f"{len(PLANTED)} planted violations found")
        return 0
    print("\n".join(errors))
    print("expected exactly one violation in each of:", ", ".join(n for n, _ in PLANTED))
    return 1


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    errors, files = check(source.TOP)
    print("\n".join(errors) if errors else f"{files} files keep to their layers")
    return 1 if errors or files == 0 else 0


sys.exit(main())
