#!/usr/bin/env python3
"""The syslog exporter against rsyslogd: UDP, TCP and TLS, and what can be wrong with each.

usage: export_syslog_test.py SMTAP_EXPORT [PART-OF-A-NAME]   (prints TAP)
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

import harness
from exporting import WAIT_S, Told, exporting
from harness import Skip, case, expect, main
from pki import certificates

SERVERS = pathlib.Path(__file__).resolve().parent.parent.parent / "build-servers"
SENSOR = socket.gethostname()
COUNT = 60

# As rsyslog read it. It says of each message what RFC 5424 calls its parts.
CONFIG = """
global(workDirectory="{folder}" maxMessageSize="64k"{driver})
template(name="row" type="list" option.jsonf="on") {{
  property(outname="pri" name="pri" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="pid" name="procid" format="jsonf")
  property(outname="id" name="msgid" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="version" name="protocol-version" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}}
module(load="{module}"{module_options})
input(type="{module}" port="{port}" address="{address}"{input_options})
module(load="omprog")
*.* action(type="omprog" binary="{writer}" template="row")
"""
GTLS = (
    ' defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{ca}"'
    ' defaultNetstreamDriverCertFile="{cert}" defaultNetstreamDriverKeyFile="{key}"'
)


def find_rsyslogd():
    """(program, environment)"""
    there = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if there:
        return there, dict(os.environ)
    unpacked = SERVERS / "usr/sbin/rsyslogd"
    if not unpacked.exists():
        raise Skip("there is no rsyslogd")
    libraries = SERVERS / "usr/lib/x86_64-linux-gnu"
    return str(unpacked), dict(
        os.environ, LD_LIBRARY_PATH=str(libraries), RSYSLOG_MODDIR=str(libraries / "rsyslog")
    )


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Rsyslog(Told):
    """A log server that can be stopped and started, and what it wrote down."""

    def __init__(self, folder, transport, address="127.0.0.1", pki=None, name="server", auth=None):
        super().__init__()
        self.program, self.environment = find_rsyslogd()
        self.folder, self.rows, self.process = folder, [], None
        self.port = free_port(socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        driver = module_options = ""
        # Over UDP what does not fit is lost, and rsyslogd may not run for a while.
        input_options = ' rcvbufSize="16m"' if transport == "udp" else ""
        if transport == "tls":
            driver = GTLS.format(
                ca=pki / "ca.crt", cert=pki / f"{name}.crt", key=pki / f"{name}.key"
            )
            module_options = (
                ' streamDriver.name="gtls" streamDriver.mode="1"'
                f' streamDriver.authMode="{auth or "anon"}"'
            )
            if auth:
                module_options += ' permittedPeer=["client"]'
        pipe = folder / "rows"
        os.mkfifo(pipe)
        self.pipe = os.open(pipe, os.O_RDWR)  # so that it never ends
        writer = folder / "writer"  # ompipe would drop what the pipe cannot take at once
        writer.write_text(f"#!/bin/sh\nexec cat >{pipe}\n")
        writer.chmod(0o755)
        self.config = folder / "rsyslog.conf"
        self.config.write_text(
            CONFIG.format(
                folder=folder,
                driver=driver,
                module="imudp" if transport == "udp" else "imtcp",
                module_options=module_options,
                input_options=input_options,
                port=self.port,
                address=address,
                writer=writer,
            )
        )
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with os.fdopen(self.pipe, "rb", buffering=0) as rows:
            rest = b""
            while data := rows.read(65536):
                *whole, rest = (rest + data).split(b"\n")
                with self.changed:
                    self.rows += [json.loads(row) for row in whole]
                    self.changed.notify_all()

    def start(self):
        said = open(self.folder / "said", "w")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            [self.program, "-n", "-f", self.config, "-i", self.folder / "pid"],
            env=self.environment,
            stdout=said,
            stderr=said,
        )
        said.close()

    def stop(self):
        """It writes down what it has read."""
        if self.process:
            self.process.terminate()
            self.process.wait(WAIT_S)
        self.process = None

    def messages(self):
        return [row["msg"].lstrip() for row in self.rows]

    def wait_rows(self, count):
        self.wait(lambda: len(self.rows) >= count, lambda: f"{len(self.rows)} of {count} messages")

    def wait_all(self, control):
        """Every alert is there, as it was told."""
        told = {line for _, line in control.alerts}
        self.wait(
            lambda: told <= set(self.messages()),
            lambda: f"{len(told & set(self.messages()))} of {len(told)} alerts",
        )


@contextlib.contextmanager
def rsyslog(transport, **how):
    with tempfile.TemporaryDirectory(prefix="e2e-") as path:
        server = Rsyslog(pathlib.Path(path), transport, **how)
        try:
            yield server
        finally:
            server.stop()


def keys(server, transport, more="", host="127.0.0.1"):
    return (
        f"  siem:\n    type: syslog\n    transport: {transport}\n    server: '{host}'\n"
        f"    port: {server.port}\n    retry_max: 1s\n    from: start\n{more}"
    )


def sending(server, transport, more="", count=COUNT, host="127.0.0.1"):
    return exporting(harness.PROGRAM[0], keys(server, transport, more, host), count)


def expect_rows(server, control):
    """As RFC 5424 has its parts; the message is the alert, byte for byte."""
    severities = {1: 2, 2: 3, 3: 4, 4: 6}
    by_message = {row["msg"].lstrip(): row for row in server.rows}
    for _, line in control.alerts:
        row, alert = by_message[line], json.loads(line)
        severity = severities[alert["alert"]["severity"]]
        expect(row["pri"] == str(16 * 8 + severity), f"PRI {row['pri']} of {alert['alert']}")
        expect(row["host"] == SENSOR, f"host {row['host']}")
        expect(row["app"] == "smtap" and row["version"] == "1", f"row {row}")
        expect(row["id"] == alert["smtap"]["detector"], f"MSGID {row['id']}")
        expect(re.fullmatch(r"\d+", row["pid"]), f"PROCID {row['pid']}")
        expect(row["time"][:26] == alert["timestamp"][:26], f"{row['time']}: {alert['timestamp']}")
        expect(row["data"].startswith('[origin software="smtap" swVersion="'), row["data"])


@case
def over_udp_every_alert_arrives_as_rfc_5424():
    with rsyslog("udp") as server:
        server.start()
        wait_bound(server)
        with sending(server, "udp") as (control, _):
            control.wait_delivered("siem")
            server.wait_all(control)
            expect_rows(server, control)


@case
def over_tcp_every_alert_arrives_once_as_rfc_5424():
    with rsyslog("tcp") as server:
        server.start()
        with sending(server, "tcp") as (control, _):
            control.wait_delivered("siem")
            server.wait_all(control)
            expect_rows(server, control)
            expect(len(server.rows) == COUNT, f"{len(server.rows)} messages")


@case
def over_tls_every_alert_arrives_once_as_rfc_5424():
    with certificates() as pki, rsyslog("tls", pki=pki) as server:
        server.start()
        with sending(server, "tls", f"    ca_file: {pki}/ca.crt\n") as (control, _):
            control.wait_delivered("siem")
            server.wait_all(control)
            expect_rows(server, control)
            expect(len(server.rows) == COUNT, f"{len(server.rows)} messages")


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as s:
        s.bind(("::1", 0))
        return True
    return False


@case
def over_ipv6_too():
    if not has_ipv6():
        raise Skip("there is no IPv6")
    with certificates() as pki, rsyslog("tls", pki=pki, address="::1") as server:
        server.start()
        with sending(server, "tls", f"    ca_file: {pki}/ca.crt\n", 3, "::1") as (control, _):
            control.wait_delivered("siem")
            server.wait_all(control)


@case
def server_may_be_a_name():
    with certificates() as pki, rsyslog("tls", pki=pki) as server:
        server.start()
        more = f"    ca_file: {pki}/ca.crt\n"
        with sending(server, "tls", more, 3, "localhost") as (control, _):
            control.wait_delivered("siem")
            server.wait_all(control)


@case
def server_that_asks_for_our_certificate_gets_it():
    with certificates() as pki, rsyslog("tls", pki=pki, auth="x509/name") as server:
        server.start()
        more = (
            f"    ca_file: {pki}/ca.crt\n    cert_file: {pki}/client.crt\n"
            f"    key_file: {pki}/client.key\n"
        )
        with sending(server, "tls", more) as (control, _):
            control.wait_delivered("siem")
            server.wait_all(control)


@case
def server_that_wants_a_certificate_is_not_sent_alerts_without():
    with certificates() as pki, rsyslog("tls", pki=pki, auth="x509/name") as server:
        server.start()
        wait_listening(server)
        with sending(server, "tls", f"    ca_file: {pki}/ca.crt\n") as (control, export):
            export.wait_line("it asks for a certificate, and ended the connection")
            export.expect_once(FAILS)
            expect(not control.cursors.get("siem"), f"{control.cursors}")
            expect(not server.rows, "it took alerts")


FAILS, WORKS = "alerts are kept", "works again"


def comes_back(transport, more="", pki=None):
    with rsyslog(transport, pki=pki) as server:
        server.start()
        with sending(server, transport, more) as (control, export):
            control.wait_delivered("siem")
            server.wait_all(control)
            failures, ends = (len(export.lines(words)) for words in (FAILS, WORKS))
            server.stop()
            control.add(
                [
                    line.replace('"test_number":', '"again":1,"test_number":')
                    for _, line in list(control.alerts)
                ]
            )
            export.wait(
                lambda: len(export.lines(FAILS)) > failures, lambda: f"{FAILS} in {export.said}"
            )
            expect(control.cursors["siem"] < len(control.alerts), "sent to nobody")
            server.start()
            control.wait_delivered("siem")
            server.wait_all(control)
            export.wait(
                lambda: len(export.lines(WORKS)) > ends, lambda: f"{WORKS} in {export.said}"
            )
            told = len(export.lines(FAILS)) - failures
            expect(told == 1, f"told {told} times: {export.said}")


@case
def udp_server_that_was_down_has_every_alert_when_it_is_back():
    comes_back("udp")


@case
def tcp_server_that_was_down_has_every_alert_when_it_is_back():
    comes_back("tcp")


@case
def tls_server_that_was_down_has_every_alert_when_it_is_back():
    with certificates() as pki:
        comes_back("tls", f"    ca_file: {pki}/ca.crt\n", pki)


def stopped_meanwhile(transport, more="", pki=None):
    """Stopped and started while alerts flow: what it had not read is sent again."""
    with rsyslog(transport, pki=pki) as server:
        server.start()
        more += "    confirm: end\n    batch: 7\n"
        with sending(server, transport, more, 400) as (control, _):
            for round_number in range(1, 4):
                server.wait_rows(100 * round_number)
                server.stop()
                server.start()
            control.wait_delivered("siem")
            server.wait_all(control)


@case
def tcp_server_that_is_restarted_under_load_has_every_alert():
    stopped_meanwhile("tcp")


@case
def tls_server_that_is_restarted_under_load_has_every_alert():
    with certificates() as pki:
        stopped_meanwhile("tls", f"    ca_file: {pki}/ca.crt\n", pki)


def wait_bound(server):
    """Its kernel takes datagrams."""
    mine = f":{server.port:04X} "
    while mine not in pathlib.Path("/proc/net/udp").read_text():
        expect(server.process.poll() is None, "rsyslogd ended")


def wait_listening(server):
    """Its kernel takes connections."""
    while True:
        expect(server.process.poll() is None, "rsyslogd ended")
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), WAIT_S).close()
            return


def expect_refusal(pki, name, words):
    """Of its certificate: one line, and no alert is sent."""
    with rsyslog("tls", pki=pki, name=name) as server:
        server.start()
        wait_listening(server)
        with sending(server, "tls", f"    ca_file: {pki}/ca.crt\n", 3) as (control, export):
            export.wait_line(words)
            export.expect_once(words)
            expect(not control.cursors.get("siem"), f"{control.cursors}")
            expect(not server.rows, "it took alerts")


@case
def wrong_certificates_are_one_line_each():
    with certificates() as pki:
        expect_refusal(pki, "stranger", "its certificate is signed by nobody whom ca_file trusts")
        expect_refusal(pki, "other", "its certificate is not for the name 127.0.0.1")
        expect_refusal(pki, "over", "its certificate expired on 2021-02-03")


@case
def name_in_the_certificate_may_be_another_if_it_is_given():
    with certificates() as pki, rsyslog("tls", pki=pki, name="other") as server:
        server.start()
        more = f"    ca_file: {pki}/ca.crt\n    server_name: other.example\n"
        with sending(server, "tls", more, 3) as (control, _):
            control.wait_delivered("siem")
            server.wait_all(control)


@case
def files_that_are_wrong_are_one_line_and_an_exit_status():
    with certificates() as pki:
        (pki / "nothing").write_text("nothing\n")
        for keys_of, words in (
            ({"ca_file": "nothing"}, "no certificate in it"),
            ({"ca_file": "absent"}, "No such file or directory"),
            ({"cert_file": "client.crt"}, "key_file"),
            ({"cert_file": "client.crt", "key_file": "server.key"}, "key"),
            ({"cert_file": "nothing", "key_file": "client.key"}, "nothing"),
        ):
            config = pki / "smtap.yaml"
            config.write_text(
                "exporters:\n  siem:\n    type: syslog\n    server: 127.0.0.1\n"
                + "".join(f"    {key}: {pki / name}\n" for key, name in keys_of.items())
            )
            done = subprocess.run(
                [harness.PROGRAM[0], "-c", config], capture_output=True, text=True, timeout=WAIT_S
            )
            harness.expect_one_line(done, 2, "exporters.siem", words)


@case
def nobody_listens_is_one_line():
    with rsyslog("tcp") as server:  # not started
        with sending(server, "tcp") as (control, export):
            export.wait_line(f"127.0.0.1 port {server.port}: Connection refused")
            export.expect_once("Connection refused")
            expect(not control.cursors.get("siem"), f"{control.cursors}")


@case
def each_encoding_arrives_whole():
    for name in ("ecs", "ocsf", "cef"):
        with rsyslog("tcp") as server:
            server.start()
            with sending(server, "tcp", f"    format: {name}\n    facility: auth\n") as (
                control,
                _,
            ):
                control.wait_delivered("siem")
                server.wait_rows(COUNT)
                expect({int(row["pri"]) // 8 for row in server.rows} == {4}, "facility")
                for message in server.messages():
                    if name == "cef":
                        expect(
                            re.match(r"CEF:0\|smtap\|smtap\|[^|]+\|\d+\|SMTAP ", message), message
                        )
                    else:
                        expect(
                            ("ecs" if name == "ecs" else "class_uid") in json.loads(message),
                            message,
                        )


@case
def structured_data_is_read_as_such():
    with rsyslog("tcp") as server:
        server.start()
        with sending(server, "tcp", "    sd_id: smtap@32473\n") as (control, _):
            control.wait_delivered("siem")
            server.wait_all(control)
            for row in server.rows:
                data = re.search(r'\[smtap@32473 id="(\d+)-[0-9a-f]{16}" ', row["data"])
                expect(data, row["data"])
                line = control.alerts[int(data[1]) - 1][1]
                expect(row["msg"].lstrip() == line, f"not alert {data[1]}")


@case
def long_alerts_say_less_instead_of_being_cut():
    with rsyslog("udp") as server:
        server.start()
        wait_bound(server)
        with sending(server, "udp", "    max_bytes: 2048\n") as (control, _):
            control.wait_delivered("siem")
            server.wait_rows(COUNT)
            alerts = [json.loads(message) for message in server.messages()]
            expect(max(map(len, server.messages())) <= 2048, "longer than max_bytes")
            expect(any(a["smtap"].get("cut") for a in alerts), "none was too long")
            numbers = {a["smtap"]["test_number"] for a in alerts}
            expect(numbers == set(range(COUNT)), f"{sorted(numbers)}")


if __name__ == "__main__":
    sys.exit(main())
