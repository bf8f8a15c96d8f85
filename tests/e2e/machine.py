"""A machine of its own for systemd: namespaces, the files of this one with changes of its own over
them, and systemd as its first process. Nothing of it is left when it ends.

    with machine(top) as m:                 # skips where that cannot be had
        m.systemctl("start", "smtap.target")

A test that uses this ends in `alone(main)` (running.py): mounts and interfaces are then apart from
those of the machine that it runs on.
"""
import contextlib
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

from harness import Skip, Wrong

SYSTEMD = "/lib/systemd/systemd"
DEADLINE_S = 60
# As far as a container needs it: no udev, no logins, no disks.
TARGET = "[Unit]\nDescription=a machine for a test\nRequires=sysinit.target basic.target\n"
BEGIN = """
import os, sys
root = sys.argv[1]
os.chdir(root)
os.makedirs("old", exist_ok=True)
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def mount(source, target, kind, options=None):
    if libc.mount(source.encode(), target.encode(), kind.encode(), 0, options) != 0:
        sys.exit(f"{target}: {os.strerror(ctypes.get_errno())}")
mount("proc", "proc", "proc")
mount("sysfs", "sys", "sysfs")
mount("cgroup2", "sys/fs/cgroup", "cgroup2")
if libc.syscall(155, b".", b"old") != 0:  # pivot_root
    sys.exit(f"pivot_root: {os.strerror(ctypes.get_errno())}")
os.chroot(".")
os.chdir("/")
libc.umount2(b"/old", 2)
os.execve("/lib/systemd/systemd", ["systemd", "--unit=test.target", "--log-target=journal"],
    {"container": "smtap-test", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "dumb"})
"""


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **more)


class Machine:
    def __init__(self, stack):
        if not os.path.exists(SYSTEMD):
            raise Skip("needs systemd")
        self.stack = stack
        self.path = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="e2e-")))
        self.root = self.path / "root"
        self.process = None
        self.mount("tmpfs", self.path, "tmpfs", "mode=0755")
        for name in ("up", "work", "root", "cgroup"):
            (self.path / name).mkdir()
        over = f"lowerdir=/,upperdir={self.path}/up,workdir={self.path}/work"
        self.mount("overlay", self.root, "overlay", over)
        for name, options in (("run", "mode=0755"), ("tmp", "mode=1777"), ("dev", "mode=0755")):
            self.mount("tmpfs", self.root / name, "tmpfs", options)
        for name in ("null", "zero", "full", "random", "urandom", "tty"):
            (self.root / "dev" / name).touch()
            self.mount(f"/dev/{name}", self.root / "dev" / name, "none", "bind")
        for name in ("shm", "pts"):
            (self.root / "dev" / name).mkdir()
        self.mount("devpts", self.root / "dev/pts", "devpts", "newinstance,ptmxmode=0666")
        (self.root / "dev/ptmx").symlink_to("pts/ptmx")
        self.without_units()

    def mount(self, source, target, kind, options):
        r = run("mount", "-t", kind, "-o", options, source, target)
        if r.returncode != 0:
            raise Skip(f"no mounts of its own: {r.stderr.strip()}")
        self.stack.callback(run, "umount", "-l", target)

    def without_units(self):
        """Of this machine's own services none is wanted there."""
        units = self.root / "etc/systemd/system"
        for path in list(units.iterdir()):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        (units / "test.target").write_text(TARGET)
        (self.root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        (self.root / "etc/fstab").write_text("")

    def boot(self):
        self.mount("cgroup2", self.path / "cgroup", "cgroup2", "rw")
        group = self.path / "cgroup" / f"smtap-test-{os.getpid()}"
        group.mkdir()
        self.stack.callback(remove_group, group)
        log = self.stack.enter_context(open(self.path / "console", "w", encoding="utf-8"))
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts"]
        self.process = subprocess.Popen(
            ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group]
            + [*apart, "--cgroup", "python3", "-c", BEGIN, self.root],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self.stack.callback(self.end)
        self.until("systemd", self.is_up)

    def is_up(self):
        if self.process.poll() is not None:
            raise Skip(f"systemd does not start here: {self.console()[-300:]}")
        said = self.systemctl("is-system-running").stdout.strip()
        return said in ("running", "degraded")

    def console(self):
        return (self.path / "console").read_text(errors="replace")

    def until(self, what, condition, seconds=DEADLINE_S):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise Wrong(f"{what}: not within {seconds} s; {self.console()[-800:]}")
            select.select([], [], [], 0.1)

    def first(self):
        """The pid of its systemd, as we see it."""
        pids = run("pgrep", "-P", str(self.process.pid)).stdout.split()
        return pids[0] if pids else "0"

    def inside(self, *command, **more):
        where = ["nsenter", "-t", self.first(), "--mount", "--pid", "--ipc", "--uts", "--cgroup"]
        return run(*where, "--root", "--wd", *command, **more)

    def systemctl(self, *words):
        return self.inside("systemctl", "--no-pager", *words)

    def show(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, unit).stdout.strip()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def remove_group(group):
    """Of processes that are about to end."""
    end = time.monotonic() + DEADLINE_S
    while "populated 1" in (group / "cgroup.events").read_text() and time.monotonic() < end:
        select.select([], [], [], 0.05)
    for path, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(path)


@contextlib.contextmanager
def machine():
    with contextlib.ExitStack() as stack:
        yield Machine(stack)
