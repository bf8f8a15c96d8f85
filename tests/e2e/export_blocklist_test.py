#!/usr/bin/env python3
"""The blocklist exporter against what reads it: nft, an HTTP client, ExaBGP and its neighbour.

usage: export_blocklist_test.py SMTAP_EXPORT [PART-OF-A-NAME]   (prints TAP)
"""
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

import harness
from exporting import ALERTS, SECRET, WAIT_S, Told, exporting
from harness import Skip, case, expect, expect_status, main

UNPACKED = pathlib.Path(__file__).resolve().parents[2] / "build-servers"
V4, V6, PREFIX = "198.51.100.17", "2001:db8:bad::7", "2001:db8:cafe::/64"


def alert(number, subject, state="open", kind="source"):
    """An alert about that subject, told now: what is on a list ends by the clock."""
    line = next(x for x in ALERTS.read_text().splitlines() if '"detector":"bruteforce"' in x)
    eve = json.loads(line)
    now = datetime.datetime.now(datetime.timezone.utc)
    eve["timestamp"] = now.strftime("%Y-%m-%dT%H:%M:%S.%f+0000")
    eve["smtap"].update(subject=subject, subject_type=kind, finding_id=number)
    eve["smtap"].update(finding_state=state, confidence=95)
    return json.dumps(eve, separators=(",", ":"))


def attackers():
    return [alert(1, V4), alert(2, V6), alert(3, PREFIX, kind="prefix")]


@contextlib.contextmanager
def scratch():
    with tempfile.TemporaryDirectory(prefix="e2e-") as path:
        pathlib.Path(path).chmod(0o777)
        yield pathlib.Path(path)


@contextlib.contextmanager
def namespace():
    if os.geteuid() != 0:
        raise Skip("needs root, for a network namespace")
    name = f"smtap-{os.getpid()}-b"
    expect_status(run("ip", "netns", "add", name), 0)
    try:
        run("nsenter", f"--net=/run/netns/{name}", "ip", "link", "set", "lo", "up")
        yield name
    finally:
        run("ip", "netns", "del", name)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S)


def keys(**more):
    lines = ["  block:", "    type: blocklist", "    from: start", "    dry_run: false"]
    return "\n".join(lines + [f"    {k}: {v}" for k, v in more.items()]) + "\n"


@case
def nft_loads_what_is_written_and_what_is_closed_goes():
    if not shutil.which("nft"):
        raise Skip("needs nft")
    with scratch() as folder, namespace() as name:
        path = folder / "smtap.nft"

        def load(*options):
            r = run("nsenter", f"--net=/run/netns/{name}", "nft", *options, "-f", path)
            expect_status(r, 0)

        def members(which):
            r = run(
                "nsenter",
                f"--net=/run/netns/{name}",
                "nft",
                "-j",
                "list",
                "set",
                "inet",
                "smtap",
                which,
            )
            expect_status(r, 0)
            (found,) = (x["set"] for x in json.loads(r.stdout)["nftables"] if "set" in x)
            return {json.dumps(e["elem"]["val"]): e["elem"] for e in found.get("elem", [])}

        with exporting(harness.PROGRAM[0], keys(output="nft", path=path, hold="0s"), 0) as (c, _):
            c.add(attackers())
            c.wait_delivered("block")
            load("-c")
            load()
            four, six = members("smtap4"), members("smtap6")
            expect(list(four) == [json.dumps(V4)], four)
            expect(86000 < four[json.dumps(V4)]["timeout"] <= 86401, four)
            expect(len(six) == 2 and json.dumps(V6) in six, six)
            # Loaded again over what is there; who is closed is no longer in it.
            # One of a network that is listed would conflict with it.
            c.add([alert(1, V4, "closed"), alert(4, PREFIX.replace("/64", "5"))])
            c.wait_delivered("block")
            load("-c")
            load()
            expect(not members("smtap4"), members("smtap4"))


def fetch(url, token=None):
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=WAIT_S
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@case
def firewall_fetches_the_list_over_http_with_the_token():
    with scratch() as folder:
        (folder / "token").write_text(SECRET + "\n")
        port = free_port()
        words = keys(output="edl", page="/blocklist", token_file=folder / "token")
        words += f"http:\n  listen: 127.0.0.1:{port}\n"
        with exporting(harness.PROGRAM[0], words, 0) as (control, _):
            control.add(attackers())
            control.wait_delivered("block")
            url = f"http://127.0.0.1:{port}/blocklist"
            expect(fetch(url)[0] == 401, fetch(url))
            expect(fetch(url, "other")[0] == 401, fetch(url, "other"))
            status, body = fetch(url, SECRET)
            expect((status, body.split()) == (200, [V4, V6, PREFIX]), f"{status} {body}")


@case
def page_is_there_all_the_time_that_a_hang_up_takes():
    with scratch() as folder:
        port = free_port()
        words = keys(output="edl", page="/blocklist", hold="0s")
        words += f"http:\n  listen: 127.0.0.1:{port}\n"
        url = f"http://127.0.0.1:{port}/blocklist"
        with exporting(harness.PROGRAM[0], words, 0) as (control, export):
            control.add(attackers())
            control.wait_delivered("block")
            asked = control.opens
            control.open = list(enumerate(attackers()[:2], 1))
            control.open_up_to = len(control.alerts)
            # What is open now is not known until control says it.
            control.set_silent(True)
            export.process.send_signal(signal.SIGHUP)
            control.wait(lambda: control.opens > asked, lambda: "it begins anew")
            status, body = fetch(url)
            expect((status, body.split()) == (200, [V4, V6, PREFIX]), f"{status} {body}")
            control.set_silent(False)
            control.add([alert(4, "203.0.113.99")])
            control.wait_delivered("block")
            status, body = fetch(url)
            expect((status, body.split()) == (200, [V4, "203.0.113.99", V6]), f"{status} {body}")
            # Without it, it goes.
            config = export.command[2]
            config.write_text(f"http:\n  listen: 127.0.0.1:{port}\n")
            export.process.send_signal(signal.SIGHUP)
            export.wait(lambda: fetch(url)[0] == 404, lambda: fetch(url))


@case
def what_needs_a_restart_is_said_at_each_reload_until_then():
    port = free_port()
    words = keys(output="edl", page="/list")
    old, new = (f"http:\n  listen: 127.0.0.1:{n}\n" for n in (port, 9))
    with exporting(harness.PROGRAM[0], words + old, 0) as (control, export):
        config, said = export.command[2], "needs a restart: http.listen"
        control.wait(lambda: control.opens, lambda: "it begins")
        for n in (1, 2):
            config.write_text("exporters:\n" + words + new)
            export.process.send_signal(signal.SIGHUP)
            export.wait(lambda: len(export.lines(said)) == n, lambda: export.said)


class Neighbour(Told):
    """A BGP speaker (RFC 4271) that takes flow routes and remembers which are announced."""

    FLOW = 133

    def __init__(self, address):
        super().__init__()
        self.routes = set()
        self.listener = socket.create_server((address, 179))
        self.listener.settimeout(WAIT_S)
        threading.Thread(target=self.serve, daemon=True).start()

    @staticmethod
    def message(kind, body=b""):
        return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body

    @staticmethod
    def exactly(s, n):
        data = b""
        while len(data) < n:
            more = s.recv(n - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def serve(self):
        with contextlib.suppress(OSError):
            s, _ = self.listener.accept()
            families = b"".join(struct.pack("!BBHBB", 1, 4, afi, 0, self.FLOW) for afi in (1, 2))
            options = struct.pack("!BB", 2, len(families)) + families
            opened = struct.pack("!BHH4sB", 4, 65001, 180, bytes([10, 0, 0, 2]), len(options))
            s.sendall(self.message(1, opened + options) + self.message(4))
            while True:
                head = self.exactly(s, 19)
                length, kind = struct.unpack("!HB", head[16:])
                body = self.exactly(s, length - 19)
                if kind == 2:
                    self.take(body)
                elif kind == 4:
                    s.sendall(self.message(4))

    def take(self, body):
        withdrawn = struct.unpack("!H", body[:2])[0]
        at = 2 + withdrawn
        end = at + 2 + struct.unpack("!H", body[at : at + 2])[0]
        at += 2
        while at < end:
            flags, kind = body[at], body[at + 1]
            wide = flags & 0x10
            length = struct.unpack("!H", body[at + 2 : at + 4])[0] if wide else body[at + 2]
            at += 4 if wide else 3
            value = body[at : at + length]
            at += length
            if kind in (14, 15):  # MP_REACH_NLRI, MP_UNREACH_NLRI (RFC 4760)
                afi, _ = struct.unpack("!HB", value[:3])
                skip = 3 if kind == 15 else 5 + value[3]
                self.change(afi, value[skip:], kind == 14)

    def change(self, afi, nlri, announced):
        with self.changed:
            while nlri:
                length = nlri[0]
                route, nlri = (afi, nlri[1 : 1 + length]), nlri[1 + length :]
                (self.routes.add if announced else self.routes.discard)(route)
            self.changed.notify_all()


def rule(network):
    """Source, TCP, destination port 25 as flow specification (RFC 8955 4.2, RFC 8956 3.1)."""
    address, bits = network.split("/")
    v6 = ":" in address
    packed = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, address)
    packed = packed[: (int(bits) + 7) // 8]
    source = bytes([2, int(bits)]) + (b"\0" if v6 else b"") + packed
    return (2 if v6 else 1, source + bytes([3, 0x81, 6]) + bytes([5, 0x81, 25]))


def exabgp():
    for root in ("", UNPACKED):
        path = pathlib.Path(f"{root}/usr/sbin/exabgp")
        if path.exists():
            library = f"{root}/usr/lib/python3/dist-packages"
            return ["/usr/bin/python3", str(path)], library
    raise Skip("needs exabgp; see scripts/deps")


EXABGP = """
process smtap {{
  run /bin/cat {pipe};
  encoder text;
}}
neighbor 127.0.0.2 {{
  router-id 10.0.0.1;
  local-address 127.0.0.1;
  local-as 65001;
  peer-as 65001;
  family {{ ipv4 flow; ipv6 flow; }}
  api {{ processes [ smtap ]; }}
}}
"""


@case
def exabgp_announces_flow_routes_to_its_neighbour_and_withdraws_them():
    command, library = exabgp()
    with scratch() as folder, namespace() as name:
        pipe, said = folder / "flows", folder / "exabgp.log"
        os.mkfifo(pipe)
        pipe.chmod(0o666)
        (folder / "exabgp.conf").write_text(EXABGP.format(pipe=pipe))
        with contextlib.ExitStack() as stack:
            here = stack.enter_context(open("/proc/self/ns/net"))
            there = stack.enter_context(open(f"/run/netns/{name}"))
            # A socket belongs to the namespace in which it was made.
            os_setns(there.fileno())
            try:
                neighbour = Neighbour("127.0.0.2")
            finally:
                os_setns(here.fileno())
            stack.callback(neighbour.listener.close)
            words = keys(output="flowspec", path=pipe, hold="0s")
            control, export = stack.enter_context(exporting(harness.PROGRAM[0], words, 0))
            control.add(attackers())
            export.wait_line("nobody reads this pipe")
            surroundings = {
                **os.environ,
                "PYTHONPATH": library,
                "exabgp_daemon_user": "root",
                "exabgp_daemon_drop": "false",
                "exabgp_api_cli": "false",
            }
            process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{name}", *command, str(folder / "exabgp.conf")],
                stdout=stack.enter_context(open(said, "w")),
                stderr=subprocess.STDOUT,
                env=surroundings,
                start_new_session=True,
            )
            stack.callback(end, process)
            wanted = {rule(f"{V4}/32"), rule(f"{V6}/128"), rule(PREFIX)}
            neighbour.wait(
                lambda: neighbour.routes == wanted,
                lambda: f"{neighbour.routes} of {wanted}; {said.read_text()[-1500:]}",
            )
            control.add([alert(1, V4, "closed")])
            neighbour.wait(
                lambda: neighbour.routes == wanted - {rule(f"{V4}/32")},
                lambda: f"{neighbour.routes}; {said.read_text()[-1500:]}",
            )


def os_setns(fd):
    import ctypes

    if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000) != 0:
        raise Skip("no network namespaces")


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def reading(pipe):
    """Lines of a named pipe, as somebody reads them; ready is set when somebody does."""
    os.mkfifo(pipe)
    got = Told()
    got.lines = []

    def read():
        with open(pipe, encoding="utf-8") as f:
            for line in f:
                with got.changed:
                    got.lines.append(line.strip())
                    got.changed.notify_all()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield got
    # Nobody may write any more: that ends it.
    with contextlib.suppress(OSError):
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    thread.join(WAIT_S)


def words_of(got, verb):
    return [line for line in got.lines if line.startswith(verb)]


@case
def a_renamed_exporter_withdraws_no_route():
    with scratch() as folder, reading(folder / "flows") as got:
        words = keys(output="flowspec", path=folder / "flows")
        opened = attackers()[:2]
        with exporting(harness.PROGRAM[0], words, 0, opened) as (control, export):
            got.wait(lambda: len(got.lines) == 2, lambda: f"{got.lines} {export.said}")
            # Closed, and held: known to the table alone.
            control.add([alert(1, V4, "closed")])
            control.wait_delivered("block")
            control.open, control.open_up_to = [(2, opened[1])], 1
            config = folder / "renamed"
            config.write_text("exporters:\n" + words.replace("  block:", "  other:"))
            os.replace(config, export.command[2])
            opens = control.opens
            export.process.send_signal(signal.SIGHUP)
            control.wait(lambda: control.opens > opens, lambda: export.said)
            control.add([alert(3, PREFIX, kind="prefix")])
            control.wait_delivered("other")
            got.wait(lambda: len(words_of(got, "announce")) == 3, lambda: f"{got.lines}")
            expect(not words_of(got, "withdraw"), got.lines)
        got.wait(lambda: len(words_of(got, "withdraw")) == 3, lambda: f"{got.lines}")
        expect(len(words_of(got, "announce")) == 3, got.lines)


@case
def routes_are_withdrawn_though_another_exporter_does_not_end():
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch())
        got = stack.enter_context(reading(folder / "flows"))
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        words = keys(output="flowspec", path=folder / "flows")
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        words += f"  slow: {{type: webhook, url: '{url}', timeout: 20s, from: start}}\n"
        with exporting(harness.PROGRAM[0], words, 0, attackers()) as (control, export):
            got.wait(lambda: len(got.lines) == 3, lambda: f"{got.lines} {export.said}")
            control.add(attackers())
            held = stack.enter_context(server.accept()[0])  # and never answered
            expect(held.recv(10), "no request came")
        export.expect_once("an exporter is busy")
        got.wait(lambda: len(words_of(got, "withdraw")) == 3, lambda: f"{got.lines}")


@case
def dry_run_is_the_default_and_says_what_it_would_do():
    with scratch() as folder:
        words = keys(path=folder / "list").replace("    dry_run: false\n", "")
        with exporting(harness.PROGRAM[0], words, 0) as (control, _):
            control.add(attackers())
            control.wait_delivered("block")
            expect(not (folder / "list").exists(), "it is no dry run")
            listed = (folder / "list.dry-run").read_text().split()
            expect(listed == [V4, V6, PREFIX], listed)


@case
def state_is_there_again_after_a_restart():
    port = free_port()
    words = keys(output="edl", page="/list") + f"http:\n  listen: 127.0.0.1:{port}\n"
    with exporting(harness.PROGRAM[0], words, 0, attackers()) as (control, _):
        control.add([alert(9, "198.51.100.99")])
        control.wait_delivered("block")
        body = fetch(f"http://127.0.0.1:{port}/list")[1]
        expect(body.split() == [V4, "198.51.100.99", V6, PREFIX], body)


if __name__ == "__main__":
    sys.exit(main())
