#!/usr/bin/env python3
"""How exporters find a server by its name, with a hosts file and a name server of the test's own.

Runs itself again in a network and mount namespace; skipped without root.

usage: export_names_test.py SMTAP_EXPORT [PART-OF-A-NAME]   (prints TAP)
"""
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

import harness
from exporting import exporting
from harness import Skip, case, expect, main

INSIDE = "SMTAP_NAMES_INSIDE"
COUNT = 20


@contextlib.contextmanager
def names(hosts, name_server):
    """With these for /etc/hosts, and whom /etc/resolv.conf names."""
    if INSIDE not in os.environ:
        raise Skip("needs root, and namespaces")
    with tempfile.TemporaryDirectory(prefix="e2e-") as path:
        files = {"hosts": hosts, "resolv.conf": f"nameserver {name_server}\n"}
        for name, text in files.items():
            (pathlib.Path(path) / name).write_text(text)
            subprocess.run(["mount", "--bind", f"{path}/{name}", f"/etc/{name}"], check=True)
        try:
            yield
        finally:
            for name in files:
                subprocess.run(["umount", f"/etc/{name}"], check=True)


def keys(transport, port):
    return (
        f"  siem:\n    type: syslog\n    transport: {transport}\n    server: logs.corp.example\n"
        f"    port: {port}\n    retry_max: 1s\n    from: start\n"
    )


def answer(question):
    """Of a name server: every name is this machine's, and there is no IPv6."""
    end = question.index(b"\0", 12) + 5
    has_address = question[end - 3] == 1
    counts = bytes([0, 1, 0, has_address, 0, 0, 0, 0])
    record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1" if has_address else b""
    return question[:2] + b"\x81\x80" + counts + question[12:end] + record


def serve_names(server):
    with contextlib.suppress(OSError):
        while True:
            question, asker = server.recvfrom(4096)
            server.sendto(answer(question), asker)


def reaches(address):
    """A server that is there at one of the name's addresses has every alert."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 0))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        with exporting(harness.PROGRAM[0], keys("udp", server.getsockname()[1]), COUNT) as both:
            both[0].wait_delivered("siem")
        got = {server.recv(65536) for _ in range(COUNT)}
        expect(len(got) == COUNT, f"{len(got)} alerts")


@case
def over_udp_each_address_of_a_name_has_its_turn():
    addresses = "127.0.0.1", "127.0.0.2"  # one of them comes first
    with names("".join(f"{a} logs.corp.example\n" for a in addresses), "127.0.0.9"):
        for address in addresses:
            reaches(address)


@case
def name_server_that_does_not_answer_holds_nothing_up():
    with contextlib.ExitStack() as stack:
        stack.enter_context(names("", "127.0.0.1"))
        name_server = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        name_server.bind(("127.0.0.1", 53))
        # Its kernel acknowledges what nobody has read yet.
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        exporter = keys("tcp", server.getsockname()[1])
        with exporting(harness.PROGRAM[0], exporter, 3) as (control, export):
            export.wait_line("its address is not known yet: no name server answers")
            threading.Thread(target=serve_names, args=[name_server], daemon=True).start()
            control.wait_delivered("siem")
            export.wait_line("works again")
            export.expect_once("no name server answers")


@case
def name_server_that_does_not_answer_holds_no_end_up():
    brokers = (
        "  bus:\n    type: kafka\n    brokers: [logs.corp.example:9092]\n    topic: smtap\n"
        "    timeout: 1s\n    retry_max: 1s\n    from: start\n"
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(names("", "127.0.0.3"))
        name_server = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        name_server.bind(("127.0.0.3", 53))
        with exporting(harness.PROGRAM[0], brokers, 3) as (_, export):
            export.wait_line("no acknowledgement within 1 s")
            # The resolver waits for it, and librdkafka for the resolver.
            name_server.recvfrom(4096)
        export.expect_once("bus: librdkafka does not end within 2 s")


def enter():
    """This test again, in namespaces of its own; back when that cannot be."""
    if INSIDE in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    may = subprocess.run(["unshare", "-nm", "true"], capture_output=True).returncode == 0
    if os.geteuid() == 0 and may:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "-nm", sys.executable, *sys.argv])


if __name__ == "__main__":
    enter()
    sys.exit(main())
