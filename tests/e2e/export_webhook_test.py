#!/usr/bin/env python3
"""The webhook exporter against HTTPS servers with certificates of their own.

usage: export_webhook_test.py SMTAP_EXPORT [PART-OF-A-NAME]   (prints TAP)
"""
import base64
import http.server
import json
import re
import socket
import ssl
import sys
import threading
import urllib.request

import harness
from exporting import SECRET, Told, WAIT_S, alerts, exporting
from harness import case, expect, main
from pki import certificates


class Request:
    def __init__(self, handler, body):
        self.method, self.path = handler.command, handler.path
        self.headers, self.body = handler.headers, body

    def seqs(self):
        return [int(n) for n in self.headers["Smtap-Seq"].split(",")]

    def json(self):
        return json.loads(self.body)


def yes(_):
    return 200, {}, b"{}"


class Server(Told):
    """An HTTPS server: what came, and answers as a test has them."""

    def __init__(self, folder, certificate="server", answer=yes, port=0, clients=None):
        super().__init__()
        self.requests = []  # those that were answered with 2xx
        self.others = []
        self.answer = answer
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.take(self, Request(self, body))

            do_PUT = do_GET = do_POST

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that does not trust us goes

        self.http = Listener(("127.0.0.1", port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(folder / f"{clients}.crt")
        # The handshake is the thread's of the connection, not of who accepts it.
        self.http.socket = context.wrap_socket(
            self.http.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def take(self, handler, request):
        with self.changed:
            status, headers, body = self.answer(request)
            (self.requests if 200 <= status < 300 else self.others).append(request)
            self.changed.notify_all()
        cut = headers.pop("cut", 0)
        handler.send_response(status)
        for name, value in {"Content-Length": len(body) + cut, **headers}.items():
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = handler.close_connection or cut > 0

    def seqs(self):
        return [seq for r in self.requests for seq in r.seqs()]

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def exporter(folder, port, *more, name="out", path="/"):
    lines = ["type: webhook", f"url: https://127.0.0.1:{port}{path}", "retry_max: 1s"]
    lines += [f"ca_file: {folder}/ca.crt", *more]
    return f"  {name}:\n" + "".join(f"    {line}\n" for line in lines)


def token(folder):
    """The key that names a file with one."""
    (folder / "token").write_text(SECRET + "\n")
    return f"token_file: {folder}/token"


def run(exporters, count):
    return exporting(harness.PROGRAM[0], exporters, count)


def expect_all(server, control, once=True):
    seqs = server.seqs()
    expect(set(seqs) == {seq for seq, _ in control.alerts}, f"there came {sorted(seqs)}")
    expect(not once or len(seqs) == len(set(seqs)), f"some came twice: {sorted(seqs)}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


@case
def generic_json_is_a_list_of_alerts_or_one():
    with certificates() as folder, Server(folder) as server:
        out = exporter(
            folder, server.port, token(folder), "headers: ['X-Team: mail']", path="/list"
        )
        one = exporter(folder, server.port, "array: false", "method: PUT", name="one", path="/one")
        with run(out + one, 120) as (control, export):
            control.wait_delivered("out", "one")
            expect(export.said == [], f"it says {export.said}")
        lines = dict(control.alerts)
        lists = [r for r in server.requests if r.path == "/list"]
        ones = [r for r in server.requests if r.path == "/one"]
        expect([a for r in lists for a in r.json()] == [json.loads(v) for v in lines.values()], "?")
        expect([r.body.decode() for r in ones] == list(lines.values()), "one by one it differs")
        expect({r.method for r in lists + ones} == {"POST", "PUT"}, "the methods")
        for r in lists:
            expect(r.headers["Authorization"] == f"Bearer {SECRET}", f"{r.headers}")
            expect(r.headers["X-Team"] == "mail", f"{r.headers}")
            expect(r.headers["Content-Type"] == "application/json", f"{r.headers}")


@case
def splunk_has_events_that_its_collector_takes():
    with certificates() as folder, Server(folder) as server:
        keys = ["template: splunk_hec", token(folder), "index: mail"]
        path = "/services/collector/event"
        with run(exporter(folder, server.port, *keys, path=path), 30) as (control, _):
            control.wait_delivered("out")
        expect_all(server, control)
        events = []
        for r in server.requests:
            expect(r.headers["Authorization"] == f"Splunk {SECRET}", f"{r.headers}")
            events += [json.loads(line) for line in r.body.decode().splitlines()]
        for event, (_, line) in zip(events, control.alerts):
            expect(event["event"] == json.loads(line), f"it is {event}")
            expect(event["index"] == "mail" and event["time"] > 1e9, f"it is {event}")
            expect(event["sourcetype"] == "smtap:alert" and event["host"], f"it is {event}")
        ids = {e["fields"]["smtap_id"] for e in events}
        expect(len(ids) == len(control.alerts), f"{len(ids)} ids of {len(control.alerts)} alerts")


@case
def slack_has_blocks_for_people():
    with certificates() as folder, Server(folder) as server:
        url = folder / "url"
        url.write_text(f"https://127.0.0.1:{server.port}/services/{SECRET}\n")
        keys = exporter(folder, server.port, "template: slack", f"url_file: {url}")
        keys = re.sub(r"    url: .*\n", "", keys)
        with run(keys, 25) as (control, _):
            control.wait_delivered("out")
        expect_all(server, control)
        for r in server.requests:
            message = r.json()
            expect(r.path.endswith(SECRET), f"the path is {r.path}")
            expect(message["text"] and 0 < len(message["blocks"]) <= 50, f"it is {message}")
            texts = re.findall(r'"text": "((?:[^"\\]|\\.)*)"', json.dumps(message))
            expect(all("<" not in t and len(t) <= 3000 for t in texts), f"it is {texts}")
            expect("`&lt;!channel&gt; *x* 'y' &amp; " in r.body.decode(), "no hostile name")


class Elastic:
    """What an index does with _bulk: create by id; busy and bad answer so for the numbers given."""

    def __init__(self, busy=(), bad=()):
        self.documents, self.had = {}, 0
        self.busy, self.bad = list(busy), bad

    def item(self, action, document):
        create = action["create"]
        number = document["smtap"].get("test_number")
        if number in self.bad:
            error = {"type": "document_parsing_exception", "reason": "failed to parse field"}
            return {"status": 400, "error": error}
        if number in self.busy:
            self.busy.remove(number)
            return {"status": 429, "error": {"type": "es_rejected_execution_exception"}}
        if create["_id"] in self.documents:
            self.had += 1
            return {"status": 409, "error": {"type": "version_conflict_engine_exception"}}
        self.documents[create["_id"]] = document
        return {"status": 201, "_index": create["_index"]}

    def __call__(self, request):
        lines = [json.loads(line) for line in request.body.decode().splitlines()]
        expect(request.body.endswith(b"\n") and len(lines) % 2 == 0, "no pairs of lines")
        items = [{"create": self.item(*pair)} for pair in zip(lines[::2], lines[1::2])]
        errors = any(i["create"]["status"] >= 300 for i in items)
        return 200, {}, json.dumps({"errors": errors, "items": items}).encode()


def bulk(folder, port):
    login = [token(folder).replace("token_file", "password_file"), "username: smtap"]
    return exporter(folder, port, "template: elastic_bulk", *login, path="/_bulk")


@case
def elastic_has_each_alert_once_whatever_its_items_say():
    elastic = Elastic(busy=[7, 7, 30], bad=[])
    with certificates() as folder, Server(folder, answer=elastic) as server:
        with run(bulk(folder, server.port), 50) as (control, export):
            control.wait_delivered("out")
            export.wait_line("works again")
            export.expect_once("es_rejected_execution_exception: no reason (429)")
        numbers = sorted(d["smtap"]["test_number"] for d in elastic.documents.values())
        expect(numbers == list(range(50)), f"there are {numbers}")
        expect(elastic.had > 0, "no item came again")
        basic = base64.b64encode(f"smtap:{SECRET}".encode()).decode()
        for r in server.requests:
            expect(r.headers["Authorization"] == f"Basic {basic}", f"{r.headers}")
            expect(r.headers["Content-Type"] == "application/x-ndjson", f"{r.headers}")
        expect(all("@timestamp" in d for d in elastic.documents.values()), "no ECS")


@case
def an_item_that_elastic_refuses_is_left_out_alone():
    elastic = Elastic(bad=[3])
    with certificates() as folder, Server(folder, answer=elastic) as server:
        with run(bulk(folder, server.port), 20) as (control, export):
            control.wait_delivered("out")
            export.expect_once("out: alert 4 is refused and left out: ")
            export.wait_line("failed to parse field (400)")
        numbers = sorted(d["smtap"]["test_number"] for d in elastic.documents.values())
        expect(numbers == [n for n in range(20) if n != 3], f"there are {numbers}")


@case
def a_template_of_ones_own_is_filled():
    with certificates() as folder, Server(folder) as server:
        template = folder / "my.json"
        template.write_text('{"alias": "{{id}}", "about": "{{subject}}", "n": {{severity}}}\n')
        keys = ["template: file", f"template_file: {template}"]
        with run(exporter(folder, server.port, *keys), 12) as (control, _):
            control.wait_delivered("out")
        expect_all(server, control)
        for r, (_, line) in zip(server.requests, control.alerts):
            subject = json.loads(line)["smtap"].get("subject", "")
            expect(r.json()["about"] == subject, f"{r.body} is not about {subject!r}")
        expect(len({r.json()["alias"] for r in server.requests}) == 12, "ids repeat")


@case
def a_server_that_was_away_has_every_alert():
    with certificates() as folder:
        port = free_port()
        with run(exporter(folder, port), 150) as (control, export):
            export.wait_line("alerts are kept and tried again")
            with Server(folder, port=port) as server:
                control.wait_delivered("out")
                export.wait_line("works again")
                export.expect_once("Failed to connect", "works again")
                expect_all(server, control)


@case
def one_that_is_killed_goes_on_where_it_was():
    def answer(request):
        # While the second is under way, so that nobody knows whether it came.
        if request.seqs()[0] > 20 and not killed:
            killed.append(True)
            export.process.kill()
        return yes(request)

    killed = []
    with certificates() as folder, Server(folder, answer=answer) as server:
        with run(exporter(folder, server.port, "batch: 20"), 0) as (control, export):
            control.add(alerts(60))
            export.process.wait(WAIT_S)
            expect(control.cursors == {"out": 20}, f"the cursor is at {control.cursors}")
            export.start()
            control.wait_delivered("out")
        expect_all(server, control, once=False)


def expect_no_trust(certificate, words):
    """A server with that certificate gets nothing, and is one line until it has a good one."""
    with certificates() as folder, Server(folder, certificate) as wrong:
        with run(exporter(folder, wrong.port, token(folder)), 10) as (control, export):
            export.wait_line("alerts are kept and tried again")
            expect("out" not in control.cursors, f"the cursor is at {control.cursors}")
            export.expect_once(words)
            wrong.close()
            expect(wrong.requests + wrong.others == [], "it had a request")
            with Server(folder, port=wrong.port) as server:
                control.wait_delivered("out")
                export.wait_line("works again")
                expect_all(server, control)
                expect(len(export.said) == 2, f"it says {export.said}")


@case
def a_certificate_that_is_wrong_gets_nothing():
    expect_no_trust("stranger", "certificate verification failed")
    expect_no_trust("over", "certificate verification failed")
    expect_no_trust("other", "does not match target host name")


@case
def our_own_certificate_is_shown():
    with certificates() as folder, Server(folder, clients="ca") as server:
        own = [f"cert_file: {folder}/client.crt", f"key_file: {folder}/client.key"]
        with run(exporter(folder, server.port, *own), 5) as (control, _):
            control.wait_delivered("out")
        expect_all(server, control)


def mended_after(count, status, headers=None, body=b"no"):
    """Answers so for the first requests, then as it should."""
    left = [count]

    def answer(request):
        left[0] -= 1
        return (status, dict(headers or {}), body) if left[0] >= 0 else yes(request)

    return answer


def expect_mended(answer, words, *keys, twice=False):
    """Such answers lose nothing, and are one line."""
    with certificates() as folder, Server(folder, answer=answer) as server:
        keys = [token(folder), *keys]
        with run(exporter(folder, server.port, *keys), 40) as (control, export):
            control.wait_delivered("out")
            export.wait_line("works again")
            export.expect_once(f"out: https://127.0.0.1:{server.port}: {words}", "works again")
            expect(len(export.said) == 2, f"it says {export.said}")
            expect_all(server, control, once=not twice)
        return server


def counters(port):
    """What smtap-export counts of the exporter, by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    row = re.compile(r'^smtap_exporter_(\w+?)(?:_total)?\{exporter="out",.*\} (\d+)$')
    return {m[1]: int(m[2]) for m in map(row.match, text.splitlines()) if m}


def wait_counted(port, right):
    """Counters are taken over now and then by whoever serves them, so they are asked for again."""
    pause = threading.Event()
    for _ in range(4 * WAIT_S):
        counted = counters(port)
        if right.items() <= counted.items():
            return
        pause.wait(0.25)
    expect(False, f"counted is {counted}, not {right}")


@case
def a_wrong_token_is_told_and_loses_nothing():
    echo = f"token {SECRET} is unknown".encode()
    expect_mended(mended_after(2, 401, body=echo), "it takes no such token or password (401); ")
    expect_mended(mended_after(2, 403), "it forbids this (403): no; ")
    expect_mended(mended_after(2, 404), "there is nothing at this URL (404): no; ")


@case
def a_server_that_fails_or_has_too_much_is_tried_again():
    expect_mended(mended_after(2, 503), "it failed (503): no; ")
    late = mended_after(1, 429, {"Retry-After": "2"})
    expect_mended(late, "too much for it at the moment (429): no; ")


@case
def a_redirect_is_not_followed():
    where = {"Location": "/elsewhere"}
    server = expect_mended(mended_after(1, 302, where), "it redirects, which is not followed")
    expect({r.path for r in server.requests + server.others} == {"/"}, "it went elsewhere")


@case
def an_answer_that_ends_in_the_middle_is_none():
    # The server took them: they come again, with the same numbers.
    expect_mended(mended_after(1, 200, {"cut": 100}), "", twice=True)


@case
def an_answer_without_end_is_cut():
    expect_mended(mended_after(1, 200, body=b"x" * 2000000), "its answer is longer", twice=True)


@case
def one_alert_that_is_refused_is_found_among_many():
    def answer(request):
        bad = any(a["smtap"]["test_number"] == 37 for a in request.json())
        return (400, {}, b"bad\x1b[31m") if bad else yes(request)

    with certificates() as folder, Server(folder, answer=answer) as server:
        http = free_port()
        keys = exporter(folder, server.port) + f"http:\n  listen: 127.0.0.1:{http}\n"
        with run(keys, 90) as (control, export):
            control.wait_delivered("out")
            wait_counted(http, {"sent": 89, "refused": 1, "retries": 3, "failing": 0})
            words = f"https://127.0.0.1:{server.port}: it refused (400): bad"
            export.expect_once(f"out: alert 38 is refused and left out: {words}")
            expect(len(export.said) == 1, f"it says {export.said}")
        expect(sorted(server.seqs()) == [n for n in range(1, 91) if n != 38], server.seqs())


@case
def a_body_keeps_to_its_bound():
    with certificates() as folder, Server(folder) as server:
        with run(exporter(folder, server.port, "body_max: 20000"), 60) as (control, _):
            control.wait_delivered("out")
        expect_all(server, control)
        sizes = [len(r.body) for r in server.requests]
        expect(max(sizes) <= 20000 and len(sizes) > 3, f"bodies of {sizes}")


if __name__ == "__main__":
    sys.exit(main())
