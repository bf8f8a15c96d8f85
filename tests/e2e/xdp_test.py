#!/usr/bin/env python3
"""An AF_XDP interface that goes and comes back, under another user than root.

usage: xdp_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import pathlib
import platform
import shutil
import subprocess
import sys
from contextlib import ExitStack

import harness
from harness import Skip, case, expect, main
from running import Running, alone, ip

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "packaging/xdp/smtap_xsk.c"
USER = "dataplane:\n  user: daemon\n"


class OverXdp(Running):
    def program(self):
        """The program of the package, compiled."""
        if not shutil.which("clang"):
            raise Skip("needs clang")
        self.path.chmod(0o755)
        out = self.path / "xsk.o"
        include = f"-I/usr/include/{platform.machine()}-linux-gnu"
        command = ["clang", "-O2", "-g", "-target", "bpf", include, "-c", SOURCE, "-o", out]
        r = subprocess.run(command, capture_output=True, text=True)
        if r.returncode != 0:
            raise Skip(f"no BPF: {r.stderr[-200:]}")
        return out

    def start(self):
        r = subprocess.run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"], capture_output=True)
        if r.returncode != 0:
            raise Skip("no bpffs of its own")
        out = self.stack.enter_context(open(self.path / "said", "a", encoding="utf-8"))
        port = f"net_af_xdp0,iface=tap1,xdp_prog={self.program()}"
        self.process = subprocess.Popen(
            [*harness.PROGRAM, "run", "-c", self.config, "-i", port],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        self.stack.callback(self.end)
        self.until("the port and control", self.is_ready)

    def replug(self):
        ip("link", "del", "tap0")
        self.until("that it went", lambda: "was taken away" in self.said())
        ip("link", "add", "tap0", "type", "veth", "peer", "name", "tap1")
        for end in ("tap0", "tap1"):
            ip("link", "set", end, "up")
        self.wire.bind(("tap0", 0))
        self.until("that it is back", lambda: " is back" in self.said())


@case
def an_interface_that_comes_back_is_opened_again_with_a_program_of_its_own():
    with ExitStack() as stack:
        r = OverXdp(stack, "", USER)
        r.attack(1)
        status = pathlib.Path(f"/proc/{r.pid('smtap-dataplane')}/status").read_text()
        expect("Uid:\t0" not in status, "the dataplane is root")
        r.replug()
        r.attack(1)
        r.kill("smtap-dataplane")
        r.until("another", lambda: "another dataplane is there" in r.said())
        r.attack(1)
        expect(r.end() == 0, r.said()[-600:])


if __name__ == "__main__":
    sys.exit(alone(main))
