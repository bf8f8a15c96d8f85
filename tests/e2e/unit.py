#!/usr/bin/env python3
"""Run a program as a unit's settings would have it, as far as that goes without systemd: its system
calls, its socket families, memory that is never written and run, and a network of its own.

usage: unit.py UNIT USER GROUP PROGRAM [ARGUMENT ...]
"""
import ctypes
import errno
import grp
import os
import pathlib
import pwd
import socket
import subprocess
import sys

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQUAL = 4
CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 38, 65
libc = ctypes.CDLL(None, use_errno=True)


class Argument(ctypes.Structure):
    _fields_ = [
        ("number", ctypes.c_uint),
        ("operation", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    ]


seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
seccomp.seccomp_load.argtypes = [ctypes.c_void_p]
seccomp.seccomp_rule_add_array.argtypes = [
    ctypes.c_void_p,
    ctypes.c_uint32,
    ctypes.c_int,
    ctypes.c_uint,
    ctypes.POINTER(Argument),
]


def settings_of(unit):
    """Each setting of a unit with its values, in order."""
    found = {}
    for line in pathlib.Path(unit).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def calls_of(name):
    """Those of a set, as this systemd has it."""
    if not name.startswith("@"):
        return {name}
    r = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
    )
    words = [line.strip() for line in r.stdout.splitlines()[1:]]
    return set().union(*(calls_of(w) for w in words if w and not w.startswith("#")))


def allowed_calls(lines):
    """After all lines of SystemCallFilter, of which the first says what is allowed."""
    allowed = calls_of("@default")
    for line in lines:
        named = set().union(*(calls_of(w) for w in line.lstrip("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def load(default, rules):
    """rules: (action, call, arguments)"""
    filter_ = seccomp.seccomp_init(default)
    for action, call, arguments in rules:
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number != -1:
            given = (Argument * len(arguments))(*arguments)
            seccomp.seccomp_rule_add_array(filter_, action, number, len(arguments), given)
    if seccomp.seccomp_load(filter_) != 0:
        sys.exit("unit.py: no filter")


def restrict_families(names):
    known = {getattr(socket, name) for name in names.split()}
    refused = ERRNO | errno.EAFNOSUPPORT
    load(
        ALLOW,
        [(refused, "socket", [Argument(0, EQUAL, f, 0)]) for f in range(46) if f not in known],
    )


def unshare_users(uid, gid):
    """As PrivateUsers: root, this user and this group are there, and nobody else."""
    pid, (there, tell), (done, answer) = os.getpid(), os.pipe(), os.pipe()
    if os.fork() == 0:
        os.read(there, 1)
        pathlib.Path(f"/proc/{pid}/uid_map").write_text(f"0 0 1\n{uid} {uid} 1\n")
        pathlib.Path(f"/proc/{pid}/gid_map").write_text(f"0 0 1\n{gid} {gid} 1\n")
        os.write(answer, b"x")
        os._exit(0)
    if libc.unshare(CLONE_NEWUSER) != 0:
        sys.exit("unit.py: no namespace of users")
    os.write(tell, b"x")
    os.read(done, 1)
    os.wait()


def become(settings, user, group):
    uid, gid = pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
    more = [grp.getgrnam("games").gr_gid] if "SupplementaryGroups" in settings else []
    os.setgroups(sorted({gid, *more}))
    os.setresgid(gid, gid, gid)
    if settings.get("PrivateUsers") == ["yes"]:
        unshare_users(uid, gid)
    os.setresuid(uid, uid, uid)


def main():
    unit, user, group, *command = sys.argv[1:]
    settings = settings_of(unit)
    calls = allowed_calls(settings["SystemCallFilter"]) | {"execve"}
    if settings.get("PrivateNetwork") == ["yes"] and libc.unshare(CLONE_NEWNET) != 0:
        sys.exit("unit.py: no network of its own")
    become(settings, user, group)
    os.umask(int(settings["UMask"][0], 8))
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if settings.get("MemoryDenyWriteExecute") == ["yes"]:
        libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)  # kernels before 6.3 have none
    # Before the calls, of which the next filter's may not be one.
    restrict_families(settings["RestrictAddressFamilies"][0])
    load(ERRNO | errno.EPERM, [(ALLOW, call, []) for call in sorted(calls)])
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
