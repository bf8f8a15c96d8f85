"""smtap-export with a control that a test plays: alerts in, cursors out.

Nothing here is waited for by the clock: what a test waits for is told, within WAIT_S.
"""
import contextlib
import json
import os
import pathlib
import signal
import socketserver
import subprocess
import tempfile
import threading

from harness import expect

WAIT_S = 60  # past it, what was waited for does not come
ALERTS = pathlib.Path(__file__).resolve().parent.parent / "unit" / "encode" / "alerts.eve"
SECRET = "s3cret-of-this-test"
HOSTILE = '<!channel> *x* `y` & "}],\\ {{seq}}'


def alerts(count):
    """Lines as control has them: of each detector, some about an account with a hostile name."""
    lines = ALERTS.read_text().splitlines()
    out = []
    for n in range(count):
        alert = json.loads(lines[n % len(lines)])
        alert["smtap"]["test_number"] = n
        if n % 5 == 0:
            alert["smtap"].update(subject_type="account", subject=HOSTILE)
        out.append(json.dumps(alert, separators=(",", ":")))
    return out


class Told:
    """State that threads change and a test waits for."""

    def __init__(self):
        self.changed = threading.Condition()

    def wait(self, holds, what):
        with self.changed:
            expect(self.changed.wait_for(holds, WAIT_S), f"it did not come: {what()}")


class Control(Told):
    """The side of control of its socket for exporters (doc/export.md)."""

    def __init__(self, path):
        super().__init__()
        self.alerts = []  # (seq, line)
        self.open = []  # the same, of open incidents, for exporters that show a state
        self.cursors = {}
        self.open_up_to = 0  # number of the last alert that these took account of
        self.opens = 0  # how often it was asked for what is open
        self.silent = False  # that is not answered
        control = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                # Whoever ends does not wait for its answer.
                with contextlib.suppress(OSError):
                    for line in self.rfile:
                        self.wfile.write(control.answer(json.loads(line)).encode())

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self.server = Server(str(path), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, lines):
        with self.changed:
            for line in lines:
                self.alerts.append((len(self.alerts) + 1, line))
            self.changed.notify_all()

    def waiting(self, exporter, most):
        at = self.cursors.get(exporter, 0)
        return [a for a in self.alerts if a[0] > at][:most]

    def answer(self, question):
        with self.changed:
            if question["verb"] == "delivered":
                self.cursors[question["exporter"]] = question["seq"]
                self.changed.notify_all()
                return '{"ok":true}\n'
            if question["verb"] == "open":
                self.opens += 1
                self.changed.notify_all()
                self.changed.wait_for(lambda: not self.silent, WAIT_S)
                return self.rows(self.open, 0, self.open_up_to)
            if question["verb"] != "alerts":
                return '{"error":"there is none in this test"}\n'
            name = question["exporter"]
            if question["max"]:
                self.changed.wait_for(lambda: self.waiting(name, 1), question["wait_ms"] / 1000)
            given = self.waiting(name, question["max"])
            backlog = len(self.waiting(name, len(self.alerts))) - len(given)
            return self.rows(given, backlog, 0)

    @staticmethod
    def rows(given, backlog, last):
        head = json.dumps({"alerts": len(given), "backlog": backlog, "seq": last})
        return "\n".join([head, *(f'{{"seq":{seq},"alert":{line}}}' for seq, line in given), ""])

    def set_silent(self, silent):
        with self.changed:
            self.silent = silent
            self.changed.notify_all()

    def wait_delivered(self, *exporters):
        """All of them have come to the last alert."""
        self.wait(
            lambda: all(self.cursors.get(e) == len(self.alerts) for e in exporters),
            lambda: f"{self.cursors} of {len(self.alerts)}",
        )

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Export(Told):
    """smtap-export as it runs, and what it says."""

    def __init__(self, program, folder, exporters):
        super().__init__()
        self.said = []
        config = folder / "smtap.yaml"
        config.write_text("exporters:\n" + exporters)
        # It takes no proxy from its surroundings: this one would answer nothing.
        dead = "http://127.0.0.1:9"
        self.surroundings = {"http_proxy": dead, "https_proxy": dead, "ALL_PROXY": dead}
        self.command = [program, "-c", config, "--socket", folder / "export.sock"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self.command,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.surroundings},
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            with self.changed:
                self.said.append(line.rstrip("\n"))
                self.changed.notify_all()

    def lines(self, words):
        return [line for line in self.said if words in line]

    def wait_line(self, words):
        self.wait(lambda: self.lines(words), lambda: f"{words!r} in {self.said}")

    def expect_once(self, *words):
        for one in words:
            expect(len(self.lines(one)) == 1, f"{one!r} is not said once: {self.said}")

    def end(self):
        """It ends when it is asked to, and no line of it had a secret."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(WAIT_S)
        self.reader.join(WAIT_S)
        expect(status == 0, f"exit status {status}: {self.said}")
        for line in self.said:
            expect(line.startswith("smtap-export: "), f"a line that is none of ours: {line!r}")
            expect(SECRET not in line, f"a secret in {line!r}")


@contextlib.contextmanager
def exporting(program, exporters, count, opened=()):
    """(control, export) with so many alerts; exporters is YAML, indented by two. opened: lines of
    alerts of incidents that are open."""
    with tempfile.TemporaryDirectory(prefix="e2e-") as path:
        folder = pathlib.Path(path)
        control = Control(folder / "export.sock")
        control.add(alerts(count))
        control.open = list(enumerate(opened, 1))
        export = Export(program, folder, exporters)
        try:
            yield control, export
            export.end()
        finally:
            if export.process.poll() is None:
                export.process.kill()
                export.process.wait()
            control.close()
