#!/usr/bin/env python3
"""`smtap report` and `smtap replay --report`: their use, and the page in headless Chromium.

usage: report_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)

Without chromium the cases that look at the page in a browser are skipped, and say so.
"""
import functools
import html.parser
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from formats import pcap  # noqa: E402
from harness import (
    PROGRAM,
    Skip,
    b64,
    case,
    expect,
    expect_one_line,  # noqa: E402
    expect_status,
    folder,
    main,
    replay,
    smtap,
)
from pcapgen import Session, Wire  # noqa: E402

CHROMIUM = shutil.which("chromium")
EVIL = "</td><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
BIDI = "evil\u202egnp.exe\u2066"


def report(*args):
    return smtap("report", *args)


def auth(session, user, password, reply):
    session.talk(
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        f"C: {b64(user)}",
        "S: 334 UGFzc3dvcmQ6",
        f"C: {b64(password)}",
        reply,
    )


def greet(session, helo):
    session.talk(
        "S: 220 mx1.corp.example ESMTP Postfix",
        f"C: EHLO {helo}",
        "S: 250-mx1.corp.example\r\n250 AUTH LOGIN PLAIN",
    )


def chain():
    """One source guesses dave's password on its 25th try and sends 80 mails as him."""
    wire = Wire()
    for n in range(25):
        s = Session(wire, "198.51.100.7", sport=40000 + n).open()
        greet(s, EVIL.replace(" ", "/") if n == 0 else "client.example")
        auth(
            s,
            "dave",
            f"guess-{n}",
            "S: 235 2.7.0 Authentication successful"
            if n == 24
            else "S: 535 5.7.8 Error: authentication failed: bad password",
        )
        s.close()
        wire.wait(2)
    s = Session(wire, "198.51.100.7", sport=41000).open()
    greet(s, "client.example")
    auth(s, "dave", "guess-24", "S: 235 2.7.0 Authentication successful")
    for n in range(80):
        s.talk(
            "C: MAIL FROM:<dave@corp.example>",
            "S: 250 2.1.0 Ok",
            f"C: RCPT TO:<u{n}@d{n % 40}.example>",
            "S: 250 2.1.5 Ok",
            "C: DATA",
            "S: 354 End data with <CR><LF>.<CR><LF>",
            "C: Subject: hello",
            "C: ",
            "C: buy",
            "C: .",
            "S: 250 2.0.0 Ok: queued",
        )
    s.close()
    for n, name in enumerate(
        [EVIL, BIDI, "x" * 240, "\x07bell", "i\u0301\u0302\u0303\u0304\u0305"] * 6
    ):
        s = Session(wire, "198.51.100.99", sport=42000 + n).open()
        greet(s, "a.example")
        auth(s, name + str(n % 5), f"other-{n}", "S: 535 5.7.8 Error: authentication failed")
        s.close()
        wire.wait(1)
    return wire


@functools.lru_cache(maxsize=None)
def made():
    """(page, folder) of the chain; the folder lives as long as the test."""
    place = tempfile.TemporaryDirectory(prefix="e2e-report-")
    out = pathlib.Path(place.name)
    (out / "in.pcap").write_bytes(pcap(chain().frames, 1))
    expect_status(replay("--report", "-o", place.name, str(out / "in.pcap")), 0)
    return (out / "report.html").read_text(), place


class Page(html.parser.HTMLParser):
    """What is asked of a page: headings, ids, tables, and everything that could load something."""

    LOADS = ("src", "href", "action", "data", "poster", "srcset", "xlink:href", "background")
    VOID = ("meta", "br")

    def __init__(self, text):
        super().__init__()
        self.headings, self.ids, self.links, self.tags = [], [], [], []
        self.open, self.unscoped, self.handlers, self.text = [], 0, [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in self.LOADS:
                self.links.append(value)
            if name.startswith("on"):
                self.handlers.append(name)
        if tag == "th" and not dict(attrs).get("scope"):
            self.unscoped += 1
        if tag in ("h1", "h2", "h3"):
            self.headings.append([tag, ""])

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        expect(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()

    def handle_data(self, data):
        self.text += data
        if self.open and self.headings and self.open[-1] in ("h1", "h2", "h3"):
            self.headings[-1][1] += data


def chromium(place, path, *args):
    """Run it on a file, without any network; its standard output."""
    if not CHROMIUM:
        raise Skip("chromium is not installed")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={place}/profile",
        *args,
        pathlib.Path(path).as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    expect(done.returncode == 0, f"chromium: {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


# How the command is used.


@case
def a_run_makes_its_report():
    with folder() as f:
        r = replay("--report", "-o", f.output(), f.capture)
        expect_status(r, 0)
        path = f.path / "out/report.html"
        expect(re.search(f"^{path}: [0-9]+ incidents?$", r.stdout, re.M), r.stdout[-200:])
        expect(stat.S_IMODE(path.stat().st_mode) & 0o137 == 0, "others may read it, or it runs")
        expect(
            "guessed the password of <bdi>dave</bdi> on attempt 25" in path.read_text(),
            "not the sentence",
        )
        expect(
            sorted(p.name for p in path.parent.iterdir())
            == ["eve.json", "report.html", "smtap.db"],
            "other files",
        )


@case
def a_report_of_a_finished_run_is_the_same():
    with folder() as f:
        expect_status(replay("--report", "-o", f.output(), f.capture), 0)
        first = (f.path / "out/report.html").read_bytes()
        expect_status(report("-o", f.output()), 0)
        expect((f.path / "out/report.html").read_bytes() == first, "other bytes")
        expect_status(report("-o", f.output("new"), f.output() + "/eve.json"), 0)
        expect((f.path / "new/report.html").read_bytes() == first, "other bytes elsewhere")


@case
def the_number_of_workers_does_not_matter():
    with folder() as f:
        pages = []
        for workers in ("1", "3"):
            expect_status(
                replay("--report", "--workers", workers, "-o", f.output(workers), f.capture), 0
            )
            pages.append((f.path / workers / "report.html").read_bytes())
        expect(pages[0] == pages[1], "other bytes")


@case
def a_json_report_stays_json():
    with folder() as f:
        r = replay("--report", "--format", "json", "-o", f.output(), f.capture)
        expect_status(r, 0)
        json.loads(r.stdout)


@case
def what_cannot_be_reported_is_told_in_a_line():
    with folder() as f:
        bad = f.put("bad.json", b"hello\n")
        expect_one_line(report("-o", f.output()), 2, "eve.json", "No such file")
        expect_one_line(report("-o", f.output(), str(f.path)), 2, "regular file")
        expect_one_line(report("-o", f.output(), "a", "b"), 2, "one file")
        expect_one_line(report("--incident", "0"), 2, "--incident 0")
        expect_one_line(report("--incident", "x"), 2, "--incident x")
        expect_one_line(report("--colour"), 2, "--colour")
        expect_one_line(replay("--report", "--eve", "-", f.capture), 2, "--report")
        r = report("-o", f.output(), bad)
        expect_status(r, 2)
        expect(f"smtap: {bad}:1: no JSON; skipped" in r.stderr and "no event" in r.stderr, r.stderr)
        expect(not (f.path / "out/report.html").exists(), "a report all the same")


@case
def a_cut_file_is_reported_up_to_the_cut():
    with folder() as f:
        expect_status(replay("-o", f.output(), f.capture), 0)
        eve = (f.path / "out/eve.json").read_bytes()
        cut = f.put("cut.json", eve[:-200])
        r = report("-o", f.output("cut"), cut)
        lines = eve.count(b"\n")
        expect_one_line(r, 1, f"{cut}:{lines}: cut short")
        page = (f.path / "cut/report.html").read_text()
        expect("1 line of the event file could not be read" in page, "the page does not say so")


@case
def a_page_that_cannot_be_written_leaves_the_old_one():
    with folder() as f:
        expect_status(replay("--report", "-o", f.output(), f.capture), 0)
        path = f.path / "out/report.html"
        old = path.read_bytes()
        r = report("-o", f.output(), "--incident", "77")
        expect_one_line(r, 2, "no incident 77")
        expect(path.read_bytes() == old, "the old page is gone")


# What the page is, without a browser.


@case
def the_page_has_its_parts():
    page = Page(made()[0])
    expect(not page.open or page.open == ["html"], f"left open: {page.open}")
    heads = [text for tag, text in page.headings if tag == "h3"]
    for want in (
        "What to do",
        "Timeline",
        "Login attempts over time",
        "Mails over time",
        "Accounts",
        "Sources by network",
        "Servers",
        "Evidence: sessions",
        "Findings and identifiers",
    ):
        expect(want in heads, f"no {want!r} among {heads}")
    expect(page.headings[0] == ["h1", "SMTP incident report"], page.headings[0])
    expect("incident-1" in page.ids and len(page.ids) == len(set(page.ids)), "ids")
    expect(page.unscoped == 0, f"{page.unscoped} header cells without scope")
    expect("guessed the password of dave on attempt 25 of" in page.text, "no headline")
    expect("sent 80 mails to 80 recipients" in page.text, "no mails in the headline")


@case
def nothing_can_be_loaded_or_run():
    text = made()[0]
    page = Page(text)
    expect(all(link.startswith("#") for link in page.links), f"links: {page.links}")
    expect(set(link[1:] for link in page.links) <= set(page.ids), "a link leads nowhere")
    for tag in ("script", "img", "link", "iframe", "object", "embed", "form", "base", "video"):
        expect(tag not in page.tags, f"<{tag}>")
    expect(not page.handlers, f"{page.handlers}")
    expect(not re.search(r"url\((?!#)|@import|javascript:", text), "the style loads something")
    expect("default-src 'none'; style-src 'unsafe-inline'" in text, "no Content-Security-Policy")


@case
def names_that_are_markup_are_shown_as_text():
    page, text = Page(made()[0]), made()[0]
    expect(EVIL[:40] in page.text, "the name is not there")
    expect("\u202e" not in text and "\u2066" not in text and "\x07" not in text, "controls")
    expect("U+202E" in page.text and "cut" in page.text, "no marks")


@case
def no_password_is_in_the_page():
    text = made()[0]
    for n in range(25):
        expect(f"guess-{n}" not in text and b64(f"guess-{n}") not in text, f"guess-{n}")


# What a browser makes of it.


def measured(text, width, more=""):
    """Chromium's width of the page in a window, and what was blocked, by a script of the test's
    own in a copy of the page that allows it."""
    script = (
        "<script>addEventListener('load',()=>{const d=document.documentElement,r={};"
        "r.width=d.scrollWidth;r.window=innerWidth;r.title=document.title;"
        "r.scripts=document.scripts.length;r.loads=performance.getEntriesByType('resource')"
        ".length;const o=[];for(const e of document.querySelectorAll('body *')){if(e.closest("
        "'.scroll')||e.closest('svg'))continue;const b=e.getBoundingClientRect();if(b.right>"
        "innerWidth+1)o.push(e.tagName+'.'+e.className);}r.outside=o.slice(0,5);"
        "d.setAttribute('data-measured',JSON.stringify(r));});</script>"
    )
    copy = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    # A window has a least width of its own: a frame of the wanted width has none.
    with tempfile.TemporaryDirectory(prefix="e2e-report-") as place:
        inner = copy.replace("</body>", more + script + "</body>")
        outer = (
            f"<!DOCTYPE html><iframe id=f width={width} height=900 style='border:0' srcdoc=\""
            + html_escape(inner)
            + "\"></iframe><script>addEventListener('load',()=>{document."
            "documentElement.setAttribute('data-inner',document.getElementById('f')."
            "contentDocument.documentElement.getAttribute('data-measured'));});</script>"
        )
        path = pathlib.Path(place) / "copy.html"
        path.write_text(outer)
        dom = chromium(
            place, path, "--window-size=1400,1000", "--virtual-time-budget=10000", "--dump-dom"
        )
    found = re.search(r'data-inner="([^"]*)"', dom)
    expect(found, "the page was not measured")
    return json.loads(html.unescape(found.group(1)))


def html_escape(text):
    return text.replace("&", "&amp;").replace('"', "&quot;")


@case
def nothing_is_wider_than_the_window():
    for width in (1280, 768, 400, 320):
        got = measured(made()[0], width)
        expect(got["window"] == width, f"measured at {got['window']}, not {width}")
        expect(got["width"] <= width and not got["outside"], f"at {width}: {got}")


@case
def the_measure_sees_what_is_too_wide():
    got = measured(made()[0], 400, "<p style='width:900px'>wide</p>")
    expect(got["width"] >= 900 and got["outside"], f"{got}")


@case
def the_browser_sees_the_sections_and_runs_nothing():
    text, place = made()
    with tempfile.TemporaryDirectory(prefix="e2e-report-") as scratch:
        dom = chromium(scratch, pathlib.Path(place.name) / "report.html", "--dump-dom")
    expect(
        "<title>SMTP incident report" in dom and "owned" not in dom.split("</title>")[0],
        "the title is not ours",
    )
    page = Page(dom)
    expect("incident-1" in page.ids and "overview" in page.ids, f"{page.ids[:9]}")
    expect(page.headings == Page(text).headings, "the browser sees other headings")
    got = measured(text, 1280)
    expect(got["loads"] == 0 and got["scripts"] == 1, f"it loads or runs something: {got}")


@case
def the_policy_forbids_scripts_and_loads():
    """A copy with a script and a picture in it: the page's own policy stops both."""
    with tempfile.TemporaryDirectory(prefix="e2e-report-") as scratch:
        path = pathlib.Path(scratch) / "copy.html"
        path.write_text(
            made()[0].replace(
                "</body>",
                "<script>document.title='owned'</script><img src='data:image/gif;base64,"
                "R0lGODlhAQABAAAAACw=' onerror=\"document.title='owned'\"></body>",
            )
        )
        dom = chromium(scratch, path, "--dump-dom")
    expect("<title>owned" not in dom, "the script ran")


@case
def it_prints_with_all_that_is_folded():
    text, place = made()
    with tempfile.TemporaryDirectory(prefix="e2e-report-") as scratch:
        pdf = pathlib.Path(scratch) / "report.pdf"
        closed = pathlib.Path(scratch) / "report.html"
        closed.write_text(text.replace("<details open>", "<details>"))
        chromium(scratch, closed, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
        data = pdf.read_bytes()
        expect(data.startswith(b"%PDF-"), "no PDF")
        pages = len(re.findall(rb"/Type\s*/Page\b", data))
        incidents = len(re.findall(r'<section class="incident"', text))
        expect(pages > incidents, f"{pages} pages for {incidents} incidents and the overview")
        if not shutil.which("pdftotext"):
            raise Skip("pdftotext is not installed: the words of the PDF were not looked at")
        words = subprocess.run(
            ["pdftotext", "-layout", str(pdf), "-"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    flat = " ".join(words.split())
    expect("guessed the password of dave on attempt 25 of" in flat, "no headline on paper")
    expect(
        re.search(r"1 source of 198\.51\.100\.0/24|sources of 198\.51\.100\.0/24", flat),
        "no networks on paper",
    )
    expect(words.count("HELO") >= text.count("<details"), "what is folded is not on paper")
    expect(f"page 1 of {pages}" in flat, "no page numbers")


@case
def it_makes_a_picture_of_every_size():
    text, place = made()
    del text
    for size in ("1280,900", "400,900"):
        with tempfile.TemporaryDirectory(prefix="e2e-report-") as scratch:
            png = pathlib.Path(scratch) / "shot.png"
            chromium(
                scratch,
                pathlib.Path(place.name) / "report.html",
                f"--window-size={size}",
                f"--screenshot={png}",
            )
            data = png.read_bytes()
        expect(data.startswith(b"\x89PNG") and len(data) > 10000, f"{size}: {len(data)} bytes")


if __name__ == "__main__":
    os.environ.pop("DISPLAY", None)
    sys.exit(main())
