#!/usr/bin/env python3
"""The Kafka exporter against librdkafka's mock cluster.

usage: export_kafka_test.py SMTAP_EXPORT KAFKA_MOCK [PART-OF-A-NAME]   (prints TAP)
"""
import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading

import harness
from exporting import SECRET, Told, WAIT_S, exporting
from harness import Skip, case, expect, main
from kafka_proxy import Proxy, context, redirect
from pki import certificates

TOPIC = "smtap-alerts"
INSIDE = "SMTAP_KAFKA_INSIDE"
MOCK = []  # the program, as the command line has it

# As the protocol numbers them.
PRODUCE, INIT_PRODUCER_ID = 0, 22
REQUEST_TIMED_OUT, MSG_TOO_LARGE, TOPIC_FORBIDDEN, CLUSTER_FORBIDDEN = 7, 10, 29, 31


class Brokers(Told):
    """The mock cluster, and what a consumer read from it."""

    def __init__(self, *wrapper):
        super().__init__()
        self.messages = []
        self.done = self.total = 0
        self.process = subprocess.Popen(
            [*wrapper, *MOCK, TOPIC], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.bootstrap = self.process.stdout.readline().split()[1]
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                if line.startswith("done "):
                    self.done += 1
                elif line.startswith("total "):
                    self.total = int(line.split()[1])
                else:
                    self.messages.append(json.loads(line))
                self.changed.notify_all()

    def tell(self, command):
        before = self.done
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        self.wait(lambda: self.done > before, lambda: command)

    def seqs(self):
        return [int(m["headers"]["smtap-seq"]) for m in self.messages]

    def wait_all(self):
        """Whatever the brokers have was read."""
        self.tell("count")
        self.wait(lambda: len(self.messages) >= self.total, lambda: f"{self.total} messages")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(WAIT_S)


def exporter(brokers, *more):
    addresses = brokers.bootstrap.replace(",", ", ")
    lines = ["type: kafka", f"brokers: [{addresses}]", f"topic: {TOPIC}", "retry_max: 1s", *more]
    return "  out:\n" + "".join(f"    {line}\n" for line in lines)


def run(brokers, count, *more):
    return exporting(harness.PROGRAM[0], exporter(brokers, *more), count)


def expect_each(brokers, control, once):
    """Each alert came, as it is, once when it has to be; the same key is in order."""
    lines = dict(control.alerts)
    messages = sorted(brokers.messages, key=lambda m: (m["partition"], m["offset"]))
    first, partitions = {}, {}
    for m in messages:
        seq = int(m["headers"]["smtap-seq"])
        expect(m["value"] == lines[seq], f"alert {seq} is not as it was")
        partitions.setdefault(m["key"], set()).add(m["partition"])
        if seq not in first:
            first[seq] = m
        expect(m["headers"]["smtap-id"] == first[seq]["headers"]["smtap-id"], f"two ids for {seq}")
    expect(set(first) == set(lines), f"of {len(lines)} came {sorted(first)}")
    expect(len({m["headers"]["smtap-id"] for m in first.values()}) == len(lines), "ids repeat")
    if once:
        expect(len(messages) == len(lines), f"{len(messages)} messages of {len(lines)} alerts")
    expect(all(len(p) == 1 for p in partitions.values()), f"a key in many: {partitions}")
    for key in partitions:
        seqs = [seq for seq, m in first.items() if m["key"] == key]
        expect(seqs == sorted(seqs), f"{key} is out of order: {seqs}")
    return first


@case
def every_alert_comes_once_in_the_order_of_its_key():
    with Brokers() as brokers, run(brokers, 250) as (control, export):
        control.wait_delivered("out")
        brokers.wait_all()
        first = expect_each(brokers, control, once=True)
        expect(export.said == [], f"it says {export.said}")
        for seq, line in control.alerts:
            alert, m = json.loads(line), first[seq]
            number = alert["smtap"].get("incident_id", 0)
            expect(m["headers"]["smtap-incident"] == str(number), f"incident of {m['headers']}")
            if alert["smtap"].get("subject_type") == "source" and ":" not in alert["src_ip"]:
                network = alert["smtap"]["subject"].rsplit(".", 1)[0] + ".0/24"
                expect(m["key"] == network, f"the key is {m['key']}, not {network}")


@case
def in_other_words_when_it_is_told_so():
    with Brokers() as brokers, run(brokers, 5, "format: ecs") as (control, _):
        control.wait_delivered("out")
        brokers.wait_all()
        for m in brokers.messages:
            expect("@timestamp" in json.loads(m["value"]), f"it is {m['value'][:100]}")


@case
def brokers_that_were_away_have_every_alert():
    with Brokers() as brokers, run(brokers, 20, "timeout: 2s") as (control, export):
        control.wait_delivered("out")
        brokers.tell("down")
        control.add([line for _, line in control.alerts])
        export.wait_line("alerts are kept and tried again")
        expect(control.cursors["out"] == 20, f"the cursor is at {control.cursors}")
        brokers.tell("up")
        control.wait_delivered("out")
        brokers.wait_all()
        export.wait_line("works again")
        export.expect_once("no acknowledgement within 2 s", "out: works again")
        # What was tried meanwhile was taken back, not left to come later too.
        expect_each(brokers, control, once=True)


@case
def a_producer_without_an_id_is_made_anew():
    with Brokers() as brokers:
        brokers.tell(f"error {INIT_PRODUCER_ID} {CLUSTER_FORBIDDEN} 2")
        with run(brokers, 10) as (control, export):
            control.wait_delivered("out")
            brokers.wait_all()
            expect_each(brokers, control, once=True)
            export.wait_line("works again")
            export.expect_once("the producer failed and is made anew", "out: works again")


@case
def a_request_that_ran_out_is_sent_again_by_the_producer():
    with Brokers() as brokers:
        brokers.tell(f"error {PRODUCE} {REQUEST_TIMED_OUT} 3")
        with run(brokers, 10) as (control, _):
            control.wait_delivered("out")
            brokers.wait_all()
            expect_each(brokers, control, once=True)


@case
def what_somebody_has_to_mend_loses_nothing():
    with Brokers() as brokers:
        brokers.tell(f"error {PRODUCE} {TOPIC_FORBIDDEN} 6")
        with run(brokers, 10) as (control, export):
            control.wait_delivered("out")
            brokers.wait_all()
            expect_each(brokers, control, once=False)
            export.wait_line("works again")
            export.expect_once("Topic authorization failed", "out: works again")
            expect(not export.lines("left out"), f"it says {export.said}")


@case
def a_message_that_is_too_large_is_left_out_alone():
    with Brokers() as brokers, run(brokers, 5, "message_max: 20000") as (control, export):
        control.wait_delivered("out")
        large = json.loads(control.alerts[0][1])
        large["smtap"]["advice"] = "x" * 30000
        control.add([json.dumps(large), control.alerts[1][1]])
        control.wait_delivered("out")
        brokers.wait_all()
        expect(sorted(brokers.seqs()) == [1, 2, 3, 4, 5, 7], f"there came {brokers.seqs()}")
        export.expect_once("out: alert 6 is refused and left out: Broker: Message size too large")


@case
def brokers_that_refuse_a_batch_for_its_size_get_its_alerts_alone():
    with Brokers() as brokers:
        brokers.tell(f"error {PRODUCE} {MSG_TOO_LARGE} 1")
        with run(brokers, 10) as (control, export):
            control.wait_delivered("out")
            brokers.wait_all()
            expect_each(brokers, control, once=False)
            expect(not export.lines("left out"), f"it says {export.said}")


@case
def a_broker_whom_nobody_vouches_for_gets_no_password():
    with certificates() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        stranger.load_cert_chain(folder / "stranger.crt", folder / "stranger.key")
        (folder / "password").write_text(SECRET)
        taken = []

        def serve():
            while True:
                with contextlib.suppress(ssl.SSLError, ConnectionError):
                    connection = stranger.wrap_socket(listener.accept()[0], server_side=True)
                    taken.append(connection.recv(1))

        threading.Thread(target=serve, daemon=True).start()
        keys = f"""  out:
    type: kafka
    brokers: [127.0.0.1:{listener.getsockname()[1]}]
    topic: {TOPIC}
    timeout: 2s
    tls: true
    ca_file: {folder}/ca.crt
    sasl_mechanism: PLAIN
    username: smtap
    password_file: {folder}/password
"""
        with exporting(harness.PROGRAM[0], keys, 5) as (control, export):
            export.wait_line("alerts are kept and tried again")
            export.expect_once("certificate verify failed")
            expect(len(export.said) == 1, f"it says {export.said}")
        expect(control.cursors == {} and not any(taken), f"there came {taken}")


@contextlib.contextmanager
def behind_tls(pki, password=None, client_needed=False):
    """(the mock cluster, a proxy for each of its brokers, keys of the exporter)"""
    if INSIDE not in os.environ or not shutil.which("nft"):
        raise Skip("needs root, a network namespace and nft")
    # Its consumer speaks to the brokers themselves: it is another user's.
    with contextlib.ExitStack() as stack:
        brokers = stack.enter_context(Brokers("setpriv", "--reuid=65534", "--clear-groups"))
        proxies = {}
        for address in brokers.bootstrap.split(","):
            port = int(address.rsplit(":", 1)[1])
            proxies[port] = Proxy(port, context(pki, client_needed), password)
            stack.callback(proxies[port].close)
        redirect({port: proxy.port for port, proxy in proxies.items()})
        stack.callback(subprocess.run, ["nft", "delete", "table", "ip", "proxy"], check=True)
        yield brokers, list(proxies.values()), ("tls: true", f"ca_file: {pki}/ca.crt")


@case
def over_tls_every_alert_comes_once_and_we_show_our_certificate():
    with certificates() as pki, behind_tls(pki, client_needed=True) as (brokers, proxies, tls):
        own = (f"cert_file: {pki}/client.crt", f"key_file: {pki}/client.key")
        with run(brokers, 100, *tls, *own) as (control, _):
            control.wait_delivered("out")
            brokers.wait_all()
            expect_each(brokers, control, once=True)
        expect(sum(p.passed for p in proxies) > 0, "it went past the proxies")
        expect(all(peer for p in proxies for peer in p.peers), "without a certificate")


@case
def with_the_password_every_alert_comes_once():
    with certificates() as pki:
        (pki / "password").write_text(SECRET)
        keys = ("sasl_mechanism: PLAIN", "username: smtap", f"password_file: {pki}/password")
        with behind_tls(pki, SECRET.encode()) as (brokers, proxies, tls):
            with run(brokers, 100, *tls, *keys) as (control, _):
                control.wait_delivered("out")
                brokers.wait_all()
                expect_each(brokers, control, once=True)
            logins = [login for p in proxies for login in p.logins]
            expect(logins and all(x == [b"", b"smtap", SECRET.encode()] for x in logins), logins)


@case
def a_wrong_password_is_told_and_mended_without_a_loss():
    with certificates() as pki:
        (pki / "password").write_text("wrong")
        keys = ("sasl_mechanism: PLAIN", "username: smtap", f"password_file: {pki}/password")
        with behind_tls(pki, SECRET.encode()) as (brokers, proxies, tls):
            with run(brokers, 20, *tls, *keys, "timeout: 2s") as (control, export):
                export.wait_line("alerts are kept and tried again")
                export.expect_once("SASL authentication error")
                expect(not any(p.passed for p in proxies), "something went past them")
                (pki / "password").write_text(SECRET)
                export.process.send_signal(signal.SIGHUP)
                control.wait_delivered("out")
                brokers.wait_all()
                expect_each(brokers, control, once=True)


def enter():
    """This test again, in a network namespace; back when that cannot be."""
    if INSIDE in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    may = subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0
    if os.geteuid() == 0 and may:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])


if __name__ == "__main__":
    enter()
    MOCK[:] = [os.path.abspath(sys.argv.pop(2))]
    sys.exit(main())
