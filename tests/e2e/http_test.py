#!/usr/bin/env python3
"""/metrics and /healthz of a live run, for promtool and a real Prometheus.

usage: http_test.py SMTAP SERVERS [PART-OF-A-NAME]   (prints TAP)
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lint"))
import harness  # noqa: E402
import metrics  # noqa: E402
from harness import Skip, Wrong, case, expect, folder, main  # noqa: E402

SERVERS = pathlib.Path(sys.argv.pop(2))
DEADLINE_S = 90


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tool(name):
    found = shutil.which(name) or SERVERS / "usr/bin" / name
    if not os.access(found, os.X_OK):
        raise Skip(f"there is no {name}: scripts/deps --tests")
    return str(found)


def until(what, condition, pause_s=0.1):
    """What the condition says, once it says something; looked at again and again."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        said = condition()
        if said:
            return said
        time.sleep(pause_s)
    raise Wrong(f"{what}: not within {DEADLINE_S} s")


class Sensor:
    """A live run of a port that brings nothing, and its pages."""

    def __init__(self, f, more=""):
        self.port = free_port()
        self.scheme = "https" if "cert_file" in more else "http"
        config = f"http:\n  listen: 127.0.0.1:{self.port}\n{more}"
        self.log = f.path / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [*harness.PROGRAM, "run", "-c", f.put("http.yaml", config.encode())]
                + ["-i", "net_null0,no-rx=1", "--workers", "2", "-o", f.output()],
                stdout=log,
                stderr=log,
            )
        self.context = ssl._create_unverified_context() if self.scheme == "https" else None

    def get(self, path, accept="*/*"):
        """(status, type, body); None: nobody listens."""
        url = f"{self.scheme}://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.context) as r:
                return r.status, r.headers["Content-Type"], r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.headers["Content-Type"], e.read().decode()
        except OSError:
            return None

    def is_up(self):
        said = self.get("/metrics")
        return said and "\nsmtap_up 1\n" in said[2]

    def control(self):
        pids = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True)
        for pid in pids.stdout.split():
            if pathlib.Path(f"/proc/{int(pid)}/comm").read_text().strip() == "smtap-control":
                return int(pid)
        raise Wrong("no control")


@contextlib.contextmanager
def sensor(f, more=""):
    s = Sensor(f, more)
    try:
        until("control answers", s.is_up)
        yield s
    finally:
        s.process.terminate()
        s.process.wait(DEADLINE_S)


@case
def every_metric_is_there_and_promtool_finds_nothing_to_say():
    with folder() as f, sensor(f) as s:
        status, kind, text = s.get("/metrics")
        expect(status == 200 and kind.startswith("text/plain; version=0.0.4"), (status, kind))
        told = set(re.findall(r"^(smtap_\w+)[ {]", text, re.M))
        known = {m for m in metrics.metrics() if not m.startswith("smtap_exporter_")}
        expect(told == known, f"only there: {told - known}; not there: {known - told}")
        for line in text.splitlines():
            expect(not re.search(r"\d+\.\d+\.\d+\.\d+|@|::", line), f"an address? {line}")
        promtool = tool("promtool")
        done = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True
        )
        expect(done.returncode == 0 and not done.stderr, done.stderr)


@case
def prometheus_takes_it_as_openmetrics():
    prometheus = tool("prometheus")
    with folder() as f, sensor(f) as s:
        _, kind, text = s.get("/metrics", "application/openmetrics-text;version=1.0.0")
        expect(kind.startswith("application/openmetrics-text; version=1.0.0"), kind)
        expect(text.endswith("# EOF\n") and "# UNIT smtap_rx_packets packets\n" in text, text[:500])
        port = free_port()
        config = f.put(
            "prometheus.yml",
            "scrape_configs:\n- job_name: smtap\n  scrape_interval: 1s\n  static_configs:\n"
            f"  - targets: ['127.0.0.1:{s.port}']\n".encode(),
        )
        with open(f.path / "prometheus.log", "w") as log:
            p = subprocess.Popen(
                [prometheus, f"--config.file={config}", f"--storage.tsdb.path={f.path}/tsdb"]
                + [f"--web.listen-address=127.0.0.1:{port}"],
                stdout=log,
                stderr=log,
            )
        try:

            def ask(query):
                url = f"http://127.0.0.1:{port}/api/v1/query?query={query}"
                try:
                    with urllib.request.urlopen(url, timeout=5) as r:
                        return json.load(r)["data"]["result"]
                except OSError:
                    return None

            found = until("Prometheus scrapes", lambda: ask("up==1"))
            expect(len(found) == 1, found)
            found = ask("smtap_rx_packets_total")
            workers = {r["metric"]["worker"] for r in found}
            expect(workers == {"0", "1"}, found)
        finally:
            p.terminate()
            p.wait(DEADLINE_S)


@case
def a_control_that_hangs_is_told_and_its_numbers_are_not():
    with folder() as f, sensor(f) as s:
        status, kind, text = s.get("/healthz")
        expect((status, kind) == (200, "application/json"), (status, kind))
        expect(json.loads(text)["status"] == "ok", text)
        pid = s.control()
        os.kill(pid, signal.SIGSTOP)
        try:
            until("it is told", lambda: not s.is_up())
            text = s.get("/metrics")[2]
            expect("smtap_up 0\n" in text and "rx_packets" not in text, text)
            status, _, text = s.get("/healthz")
            health = json.loads(text)
            expect(status == 503 and health["status"] == "failing", text)
            expect("control" in health["reasons"][0], text)
        finally:
            os.kill(pid, signal.SIGCONT)
        until("it is well again", s.is_up)
        expect(s.get("/healthz")[0] == 200, s.get("/healthz"))


@case
def it_speaks_tls():
    if not shutil.which("certtool"):
        raise Skip("there is no certtool: scripts/deps --tests")
    with folder() as f:
        cert, key = certificate(f, "own")
        more = f"  cert_file: {cert}\n  key_file: {key}\n"
        with sensor(f, more) as s:
            expect(s.get("/healthz")[0] == 200, "not well")
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
            s.context = old
            expect(s.get("/healthz") is None, "TLS 1.1 is spoken")


def certificate(f, name):
    template = f.put(f"{name}.cfg", b'cn = "sensor"\ntls_www_server\nexpiration_days = 2\n')
    key, cert = f"{f.path}/{name}-key.pem", f"{f.path}/{name}.pem"
    for command in (
        ["certtool", "--generate-privkey", "--key-type", "ecdsa", "--outfile", key],
        ["certtool", "--generate-self-signed", "--load-privkey", key]
        + ["--template", template, "--outfile", cert],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return cert, key


@case
def a_renewed_certificate_is_taken_at_a_reload():
    if not shutil.which("certtool"):
        raise Skip("there is no certtool: scripts/deps --tests")
    with folder() as f:
        cert, key = certificate(f, "own")
        other, other_key = certificate(f, "other")
        with sensor(f, f"  cert_file: {cert}\n  key_file: {key}\n") as s:
            reload = [harness.PROGRAM[0], "reload", "-o", f.output()]
            until("a certificate", lambda: presented(s) == pem(cert))
            before = pem(cert)
            # Who was there before has its answer still.
            context = ssl._create_unverified_context()
            slow = context.wrap_socket(socket.create_connection(("127.0.0.1", s.port)))
            slow.sendall(b"GET /healthz HTTP/1.1\r\n")
            shutil.copy(other, cert)
            r = subprocess.run(reload, capture_output=True, text=True, timeout=60)
            expect(r.returncode == 2 and "the key is not that of the certificate" in r.stderr, r)
            expect(presented(s) == before, "the certificate without its key")
            shutil.copy(other_key, key)
            r = subprocess.run(reload, capture_output=True, text=True, timeout=60)
            expect(r.returncode == 0, r)
            until("the new one", lambda: presented(s) == pem(other))
            slow.sendall(b"Host: x\r\n\r\n")
            expect(slow.recv(12) == b"HTTP/1.1 200", "its answer")
            expect(s.get("/healthz")[0] == 200, "not well")


def pem(path):
    return ssl.PEM_cert_to_DER_cert(pathlib.Path(path).read_text())


def presented(s):
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", s.port)))


def exports(f, text):
    program = os.path.join(os.path.dirname(harness.PROGRAM[0]), "smtap-export")
    config = f.put("bad.yaml", text.encode())
    return subprocess.run([program, "-c", config], capture_output=True, text=True, timeout=60)


@case
def what_is_wrong_is_told_in_a_line():
    with folder() as f, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wrong = [(f"listen: 127.0.0.1:{port}", "another program listens there")]
        wrong += [("listen: 'localhost:99'", "is no address and port such as")]
        if shutil.which("certtool"):
            cert, key = certificate(f, "one")
            other = certificate(f, "two")[1]
            listen = f"listen: 127.0.0.1:{free_port()}"
            both = "{}\n  cert_file: {}\n  key_file: {}"
            wrong += [(both.format(listen, cert, other), "not that of the certificate")]
            wrong += [(both.format(listen, cert, "/nowhere"), "/nowhere: No such file")]
            wrong += [(f"{listen}\n  cert_file: {cert}", "both are needed")]
            wrong += [(both.format(listen, "/dev/null", key), "expected a certificate")]
            wrong += [(both.format(listen, cert, cert), "and its key without a password")]
        for text, word in wrong:
            r = exports(f, f"http:\n  {text}\n")
            harness.expect_one_line(r, 2, "http.", word)


@case
def a_run_whose_port_is_taken_ends_with_that_line_before_anything_is_seen():
    with folder() as f, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = f"http:\n  listen: 127.0.0.1:{taken.getsockname()[1]}\n".encode()
        r = subprocess.run(
            [*harness.PROGRAM, "run", "-c", f.put("http.yaml", config), "-o", f.output()]
            + ["-i", "net_null0,no-rx=1"],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        harness.expect_one_line(r, 2, "http.listen", "another program listens there")
        expect(not (f.path / "out").exists(), "a run that was none left something")


sys.exit(main())
