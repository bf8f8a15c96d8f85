#!/usr/bin/env python3
"""`smtap replay` from outside: bad input, damage, kills, leftovers, capture formats, workers.

usage: replay_test.py SMTAP [PART-OF-A-NAME]   (prints TAP)
"""
import contextlib
import itertools
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from formats import (ETHERNET, FORMATS, RAW, enhanced_packet, interface, pcap,  # noqa: E402
                     pcapng)
from harness import (CASES, PROGRAM, b64, case, events, expect, expect_one_line,  # noqa: E402
                     expect_status, facts, folder, main, replay, smtap)
from pcapgen import ACK, PSH, Session, Wire, checksum, tcp_frame  # noqa: E402

DEADLINE_S = 30
# Where EAL and shared memory would leave something.
PLACES = ["/dev/shm", "/dev/hugepages", "/run", "/run/dpdk", "/tmp", "/tmp/dpdk"]


# Bad input: one line, exit status 2, nothing written.

def bad(name, make):
    """make(folder) returns the arguments, and words that the message must have."""
    def run():
        with folder() as f:
            args, words = make(f)
            expect_one_line(smtap(*args), 2, *words)
            expect(not (f.path / "out").exists(), "an output folder was made all the same")
    run.__name__ = name
    CASES.append(run)


def bad_capture(name, data, *words):
    def make(f):
        path = f.put("bad.pcap", data)
        return ["replay", "-o", f.output(), f.capture, path], (path, *words)
    bad(name, make)


def bad_option(name, args, *words):
    bad(name, lambda f: (["replay", "-o", f.output(), *args, f.capture], words))


bad("a_missing_file_is_named",
    lambda f: (["replay", "-o", f.output(), "/no/such.pcap"], ("/no/such.pcap", "No such file")))
bad("a_folder_is_no_capture",
    lambda f: (["replay", "-o", f.output(), str(f.path)], (str(f.path), "folder")))
bad_capture("an_empty_file_is_no_capture", b"", "empty")
bad_capture("a_text_file_is_no_capture", b"From: nobody\nTo: nobody\n\nhello there, text\n",
            "not a pcap")
bad_capture("a_cut_header_is_no_capture", pcap([], 1)[:11], "not a pcap")
bad_capture("a_link_type_that_is_not_supported_is_named", pcap([], 189), "189", "USB_LINUX")
bad_option("an_unknown_option_is_named", ["--colour"], "--colour")
bad_option("an_unknown_short_option_is_named", ["-Z"], "-Z")
bad_option("a_port_out_of_range_is_refused", ["--ports", "25,70000"], "70000")
bad_option("no_port_at_all_is_refused", ["--ports", ""], "--ports")
bad_option("no_workers_are_refused", ["--workers", "0"], "--workers", "1 to 64")
bad_option("too_many_workers_are_refused", ["--workers", "65"], "65")
bad_option("an_unknown_speed_is_refused", ["--speed", "warp"], "warp", "real")
bad_option("an_unknown_format_is_refused", ["--format", "xml"], "xml", "json")
bad_option("a_missing_configuration_is_named", ["-c", "/no/such.yaml"], "/no/such.yaml")
bad("an_option_without_its_value_is_named",
    lambda f: (["replay", f.capture, "--workers"], ("--workers",)))
bad("no_capture_at_all_is_refused", lambda f: (["replay", "-o", f.output()], ("no capture",)))
bad("an_unknown_command_lists_the_known_ones",
    lambda f: (["frobnicate"], ("frobnicate", "replay", "report", "check", "rules")))


def with_config(verb):
    def make(f):
        path = f.put("bad.yaml", b"mail:\n  ports: [25]\n  prots: [25]\n")
        operands = [f.capture] if verb == "replay" else []
        return [verb, "-c", path, *operands], (f"{path}:3", "prots")
    return make


bad("replay_names_file_and_line_of_an_unknown_key", with_config("replay"))
bad("check_names_file_and_line_of_an_unknown_key", with_config("check"))


@case
def rules_names_file_and_line_of_a_bad_rule():
    with folder() as f:
        path = f.put("bad.yaml", b"- id: 900001\n  context: reply\n  name: broken\n"
                     b"  expression: '^535 (unclosed'\n  why: a test\n"
                     b"  match: '535 unclosed'\n  no_match: '250 ok'\n")
        r = smtap("rules", path)
        expect_one_line(r, 2, path)
        expect(re.search(re.escape(path) + r":\d+: ", r.stderr), f"no line number in {r.stderr!r}")


@case
def an_output_folder_that_cannot_be_made_is_named():
    with folder() as f:
        f.put("file", b"in the way")
        expect_one_line(replay("-o", f.output("file/out"), f.capture), 2, "file/out")


@case
def an_eve_file_that_cannot_be_written_is_named():
    with folder() as f:
        r = replay("-o", f.output(), "--eve", "/no/such/eve.json", f.capture)
        expect_one_line(r, 2, "/no/such/eve.json")


# Damage

@case
def a_damaged_capture_is_read_up_to_the_damage():
    with folder() as f:
        whole = pcap(f.frames, 1)
        keep = len(f.frames) - 5
        cut = len(pcap(f.frames[:keep], 1)) + 20
        path = f.put("damaged.pcap", whole[:cut])
        r = replay("-o", f.output(), path)
        expect_one_line(r, 1, path, f"damaged after packet {keep}")
        expect("damaged" in r.stdout, "the report does not say so")
        expect("Nothing is known" not in r.stdout, "it says that nothing is missing")
        got = events(f.eve(), "smtp_auth")
        expect(len(got) >= 26, f"{len(got)} attempts from before the damage, not 26")


@case
def what_follows_a_damaged_capture_is_read():
    with folder() as f:
        damaged = f.put("damaged.pcap", pcap(f.frames[:9], 1) + b"\0" * 7)
        r = replay("-o", f.output(), damaged, f.capture)
        expect_one_line(r, 1, damaged, "damaged after packet 9")
        expect(len(events(f.eve(), "smtp_auth")) == 27, "not all attempts of the second capture")


def mixed(f, late):
    """A pcapng file of two interfaces, Ethernet and raw IP; late: the second follows a packet."""
    (ns, frame), (later_ns, other) = f.frames[:2]
    first, second = enhanced_packet(ns, frame), enhanced_packet(later_ns, other[14:], of=1)
    raw = interface(RAW)
    rest = first + raw + second if late else raw + first + second
    return f.put("mixed.pcapng", pcapng([], ETHERNET) + rest)


bad("link_types_that_differ_are_refused",
    lambda f: (["replay", "-o", f.output(), mixed(f, False)], ("mixed.pcapng", "split it")))


@case
def link_types_that_differ_on_standard_input_are_refused():
    with folder() as f, open(mixed(f, False), "rb") as file:
        expect_one_line(replay("-o", f.output(), "-", stdin=file), 2, "standard input", "split it")


@case
def what_precedes_another_link_type_is_read():
    with folder() as f:
        r = replay("-o", f.output(), mixed(f, True))
        expect_one_line(r, 1, "mixed.pcapng", "after packet 1", "split it")
        expect("DAMAGED" in r.stdout, "the report does not say so")


# The same events, whatever the capture's format, its cutting into files, the number of workers

@case
def every_format_gives_the_same_events():
    with folder() as f:
        # Whole microseconds, which every format can say.
        frames = [(ns // 1000 * 1000, frame) for ns, frame in f.frames]
        want = None
        for name, make in FORMATS.items():
            path = f.put(f"{name}.pcap", make(frames))
            expect_status(replay("-o", f.output(name), path), 0)
            got = facts(f.eve(name))
            expect(len(got) >= 27, f"{name}: only {len(got)} events")
            want = want or got
            expect(got == want, f"{name}: other events than {next(iter(FORMATS))}")


@case
def any_number_of_workers_gives_the_same_bytes():
    with folder() as f:
        want = None
        for workers in (1, 2, 4, 17):
            name = f"w{workers}"
            expect_status(replay("-o", f.output(name), "--workers", str(workers), f.capture), 0)
            want = want or f.eve(name)
            expect(f.eve(name) == want, f"{workers} workers: another eve.json than with 1")


def attempts(text):
    return [(e["src_ip"], e["src_port"], e["smtp_auth"]) for e in events(text, "smtp_auth")]


def fragments(frames, size=24):
    """Each IPv4 packet in fragments of size bytes, the last one first."""
    out = []
    for number, (ns, frame) in enumerate(frames):
        body = frame[34:]
        if frame[12:14] != b"\x08\x00" or len(body) <= size:
            out.append((ns, frame))
            continue
        for at in reversed(range(0, len(body), size)):
            piece = body[at:at + size]
            more = 0x2000 if at + size < len(body) else 0
            ip = bytearray(frame[14:34])
            struct.pack_into(">HHH", ip, 2, 20 + len(piece), number, more | at // 8)
            ip[10:12] = b"\0\0"
            struct.pack_into(">H", ip, 10, checksum(bytes(ip)))
            out.append((ns, frame[:14] + bytes(ip) + piece))
    return out


@case
def fragments_in_reverse_order_give_the_same_attempts():
    with folder() as f:
        expect_status(replay("-o", f.output(), f.capture), 0)
        path = f.put("fragments.pcap", pcap(fragments(f.frames), 1))
        for workers in ("1", "3"):
            expect_status(replay("-o", f.output("cut"), "--workers", workers, path), 0)
            expect(attempts(f.eve("cut")) == attempts(f.eve()), "other attempts than whole")


def with_ip(frame, ident, protocol=None, inner=b""):
    """The IP packet of frame with another identification, or a packet around inner."""
    ip = bytearray(frame[14:34])
    struct.pack_into(">H", ip, 4, ident)
    if protocol is not None:
        struct.pack_into(">HHHBB", ip, 2, 20 + len(inner), ident, 0, 64, protocol)
    ip[10:12] = b"\0\0"
    struct.pack_into(">H", ip, 10, checksum(bytes(ip)))
    return frame[:14] + bytes(ip) + (frame[34:] if protocol is None else inner)


def nest(frame, depth, idents):
    """frame in two fragments, each in an IP packet in two fragments, and so on."""
    ident, half = next(idents), (len(frame) - 34) // 16 * 8 + 8
    pieces = [with_ip(x, ident) for _, x in fragments([(0, frame)], half)]
    if depth == 1:
        return pieces
    return [x for piece in pieces
            for x in nest(with_ip(piece, next(idents), 4, piece[14:]), depth - 1, idents)]


@case
def fragments_nested_too_deep_are_counted_as_dropped():
    with folder() as f:
        frame = max((frame for _, frame in f.frames if frame[12:14] == b"\x08\x00"), key=len)
        for depth, dropped in ((4, 0), (5, 2)):
            frames = [(0, x) for x in nest(frame, depth, itertools.count(1))]
            path = f.put("deep.pcap", pcap(frames, 1))
            expect_status(replay("-o", f.output("deep"), "--workers", "2", path), 0)
            stats, = events(f.eve("deep"), "stats")
            got = stats["smtap"]["counters"]
            expect(got["decode_too_deep"] == 0 and got["rx_packets"] == len(frames) == 2**depth
                   and got["fragments_dropped"] == dropped and got["decode_mail"] == (not dropped),
                   f"{depth} deep: {got}")


def super_segment(session, size):
    """A frame of more bytes than IPv4 can say: total length 0, as Linux' BIG TCP has it."""
    frame = tcp_frame(session.client, session.server, session.sport, session.dport,
                      session.seq[0], session.seq[1], PSH | ACK, b"")
    body = (b"x" * 70 + b"\r\n") * (size // 72)
    ip = bytearray(frame[14:34])
    struct.pack_into(">H", ip, 2, 0)
    struct.pack_into(">H", ip, 10, 0)
    struct.pack_into(">H", ip, 10, checksum(bytes(ip)))
    tcp = bytearray(frame[34:54])
    struct.pack_into(">H", tcp, 16, 0)
    pseudo = bytes(ip[12:20]) + struct.pack(">HI", 6, len(tcp) + len(body))
    struct.pack_into(">H", tcp, 16, checksum(pseudo + bytes(tcp) + body))
    session.wire.put(frame[:14] + bytes(ip) + bytes(tcp) + body)
    session.seq[0] += len(body)
    return len(body)


@case
def frames_larger_than_an_mbuf_are_read_whole():
    wire = Wire()
    s = Session(wire, "198.51.100.7").open()
    s.talk("S: 220 mx ESMTP", "C: EHLO x", "S: 250 ok", "C: MAIL FROM:<a@b.example>", "S: 250 ok",
           "C: RCPT TO:<d@e.example>", "S: 250 ok", "C: DATA", "S: 354 go")
    sent = sum(super_segment(s, size) for size in (2000, 2100, 65000, 65600, 131000, 200000))
    s.talk("C: .", "S: 250 queued", f"C: AUTH PLAIN {b64(chr(0) + 'eve' + chr(0) + 'guess')}",
           "S: 535 5.7.8 no").close()
    with folder() as f:
        path = f.put("big.pcap", pcap(wire.frames, 1))
        expect_status(replay("-o", f.output(), path), 0)
        mail, = events(f.eve(), "smtp")
        expect(mail["smtap"]["bytes"] == sent, f"{mail['smtap']['bytes']} bytes of {sent}")
        expect(len(attempts(f.eve())) == 1, "the attempt behind them was missed")


@case
def a_capture_cut_into_files_is_one_timeline():
    with folder() as f:
        expect_status(replay("-o", f.output(), f.capture), 0)
        third = len(f.frames) // 3
        parts = [f.put(f"part{i}.pcap", pcap(f.frames[a:b], 1))
                 for i, (a, b) in enumerate([(0, third), (third, 2 * third), (2 * third, None)])]
        expect_status(replay("-o", f.output("parts"), *parts), 0)
        expect(facts(f.eve("parts")) == facts(f.eve()), "other events than from the whole")


@case
def a_capture_comes_through_a_pipe():
    with folder() as f:
        expect_status(replay("-o", f.output(), f.capture), 0)
        with open(f.capture, "rb") as file:
            expect_status(replay("-o", f.output("pipe"), "-", stdin=file), 0)
        expect(facts(f.eve("pipe")) == facts(f.eve()), "other events than from the file")


@case
def stamps_that_are_all_zero_do_not_stall_it():
    with folder() as f:
        path = f.put("zero.pcap", pcap([(0, frame) for _, frame in f.frames], 1))
        expect_status(replay("-o", f.output(), "--workers", "4", path), 0)
        expect(len(events(f.eve(), "smtp_auth")) == 27, "not all attempts")


# Output

@case
def eve_to_standard_output_leaves_the_report_to_standard_error():
    with folder() as f:
        r = replay("--eve", "-", "-o", f.output(), f.capture)
        expect_status(r, 0)
        expect(len(events(r.stdout, "smtp_auth")) == 27, "not every attempt is on standard output")
        expect("198.51.100.7" in r.stderr, "no report on standard error")


PROGRAMS = (["smtap"], ["smtap", "replay"], ["smtap", "report"], ["smtap", "check"],
            ["smtap", "rules"], ["smtap-dataplane"], ["smtap-control"])


def into(target, program, *args):
    """Run one of our programs by a shell, its descriptors as target says."""
    path = pathlib.Path(PROGRAM[0]).parent / program
    return subprocess.run(["sh", "-c", f'exec "$0" "$@" {target}', path, *args],
                          capture_output=True, text=True, timeout=DEADLINE_S)


@case
def what_cannot_be_printed_is_told():
    for target, why in ((">/dev/full", "No space left"), (">&-", "standard output is closed")):
        for command in (*([*p, "--help"] for p in PROGRAMS), ["smtap", "--version"],
                        ["smtap", "check"]):
            expect_one_line(into(target, *command), 1, "standard output", why)


@case
def a_report_that_cannot_be_printed_is_told():
    with folder() as f:
        args = ("smtap", "replay", "-o", f.output(), f.capture)
        expect_one_line(into(">/dev/full", *args), 1, "No space left")
        for more in ((), ("--eve", "-")):
            r = into(">&-", *args, *more)
            expect_one_line(r, 1, "standard output is closed")


@case
def events_that_cannot_be_printed_are_told():
    with folder() as f:
        r = into(">/dev/full", "smtap", "replay", "--eve", "-", "-o", f.output(), f.capture)
        expect_status(r, 1)
        expect("smtap-control: standard output: No space" in r.stderr, r.stderr[-200:])


@case
def closed_input_and_error_do_no_harm():
    with folder() as f:
        r = into("<&- 2>&-", "smtap", "replay", "-o", f.output(), f.capture)
        expect_status(r, 0)
        expect("198.51.100.7" in r.stdout, "no report")
        expect(len(events(f.eve(), "smtp_auth")) == 27, "not all attempts")


@case
def standard_input_has_a_name():
    with folder() as f:
        r = replay("-o", f.output(), "-", stdin=subprocess.DEVNULL)
        expect_one_line(r, 2, "standard input: is not a pcap")


@case
def a_capture_off_the_mail_ports_says_which_they_are():
    with folder() as f:
        r = replay("-o", f.output(), "--ports", "587,2525", f.capture)
        expect_status(r, 0)
        expect("No packet was on the mail ports 587, 2525; see --ports." in r.stdout, r.stdout)


@case
def the_json_report_is_json():
    with folder() as f:
        r = replay("--format", "json", "-o", f.output(), f.capture)
        expect_status(r, 0)
        expect(isinstance(json.loads(r.stdout), dict), "no object")


@case
def every_command_has_help_with_examples():
    for verb in ([], ["replay"], ["report"], ["check"], ["rules"]):
        r = smtap(*verb, "--help")
        expect_status(r, 0)
        expect("usage: " in r.stdout and "xample" in r.stdout, f"{verb}: no usage or no example")


@case
def the_version_is_told():
    r = smtap("--version")
    expect_status(r, 0)
    expect(re.fullmatch(r"smtap \d+\.\d+\.\d+\n", r.stdout), r.stdout)


@case
def check_prints_settings_that_check_takes_back():
    with folder() as f:
        r = smtap("check", "--print")
        expect_status(r, 0)
        path = f.put("all.yaml", r.stdout.encode())
        expect_status(smtap("check", "-c", path), 0)
        again = smtap("check", "-c", path, "--print")
        expect(again.stdout == r.stdout, "other settings the second time")


# Processes

def children(pid):
    """{name: pid} of the live children of pid."""
    out = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = stat.read_text()
            name = text[text.index("(") + 1:text.rindex(")")]
            state, parent = text[text.rindex(")") + 2:].split()[:2]
            if int(parent) == pid and state != "Z":
                out[name] = int(stat.parent.name)
    return out


def alive(pid):
    with contextlib.suppress(OSError):
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        return text[text.rindex(")") + 2] != "Z"
    return False


def until(what, condition):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        expect(time.monotonic() < end, f"{what}: not within {DEADLINE_S} s")
        time.sleep(0.01)


def leftovers():
    """Names in PLACES that speak of us; not a live process's, nor a folder of another test's."""
    out = set()
    for place in filter(os.path.isdir, PLACES):
        for name in os.listdir(place):
            owner = re.search(r"smtap-(\d+)", name)
            theirs = place == "/tmp" and os.path.isdir(f"/tmp/{name}")
            theirs = theirs or owner and alive(int(owner[1]))
            if name == "rtemap" or "smtap" in name and not theirs:
                out.add(f"{place}/{name}")
    return out


class Running:
    """A replay at the capture's pace, with ten minutes of silence in the capture."""

    def __init__(self, f, *args):
        self.before = leftovers()
        self.process = subprocess.Popen(
            [*PROGRAM, "replay", "--speed", "real", "-o", f.output(), *args, f.capture],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.children = {}
        until("both processes, and events of theirs", lambda: self.running(f))

    def running(self, f):
        self.children = children(self.process.pid)
        eve = f.path / "out/eve.json"
        return ("smtap-dataplane" in self.children and "smtap-control" in self.children
                and eve.exists() and eve.stat().st_size > 0)

    def dataplane(self):
        return self.children["smtap-dataplane"]

    def control(self):
        return self.children["smtap-control"]

    def end(self):
        out, err = self.process.communicate(timeout=DEADLINE_S)
        until("the children's end", lambda: not any(alive(p) for p in self.children.values()))
        until("nothing left behind", lambda: leftovers() <= self.before)
        return subprocess.CompletedProcess([], self.process.returncode, out, err)


@case
def a_killed_dataplane_ends_the_replay_with_a_report():
    with folder(600) as f:
        r = Running(f)
        os.kill(r.dataplane(), signal.SIGKILL)
        done = r.end()
        expect_one_line(done, 1, "dataplane", "signal 9", "report")
        expect("packets" in done.stdout, "no report")


@case
def a_dataplane_killed_at_its_start_leaves_nothing():
    with folder() as f:
        before = leftovers()
        process = subprocess.Popen([*PROGRAM, "replay", "-o", f.output(), f.capture],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        until("the dataplane", lambda: children(process.pid))
        # It is the first child; control may be there too, and waits for its offer.
        for name, pid in children(process.pid).items():
            if name != "smtap-control":
                os.kill(pid, signal.SIGKILL)
        _, said = process.communicate(timeout=DEADLINE_S)
        done = subprocess.CompletedProcess([], process.returncode, "", said)
        expect_one_line(done, 1, "the dataplane", "signal 9")
        until("nothing left behind", lambda: leftovers() <= before)


@case
def a_terminated_dataplane_is_told():
    with folder(600) as f:
        r = Running(f)
        os.kill(r.dataplane(), signal.SIGTERM)
        done = r.end()
        expect_one_line(done, 1, "the dataplane", "stopped by signal 15")
        expect("packets" in done.stdout, "no report")


@case
def a_killed_control_ends_the_replay():
    with folder(600) as f:
        r = Running(f, "--workers", "3")
        os.kill(r.control(), signal.SIGKILL)
        expect_one_line(r.end(), 1, "control", "signal 9", "no report")


@case
def a_terminated_replay_reports_what_it_read():
    for number in (signal.SIGTERM, signal.SIGINT):
        with folder(600) as f:
            r = Running(f)
            r.process.send_signal(number)
            done = r.end()
            expect_one_line(done, 1, "interrupted")
            expect("packets" in done.stdout and "Nothing is known" not in done.stdout, "its report")


@case
def a_killed_smtap_takes_both_processes_with_it():
    with folder(600) as f:
        r = Running(f)
        r.process.kill()
        r.end()


@case
def a_replay_leaves_nothing_behind():
    with folder() as f:
        before = leftovers()
        expect_status(replay("-o", f.output(), "--workers", "2", f.capture), 0)
        until("nothing left behind", lambda: leftovers() <= before)
        expect(sorted(p.name for p in f.path.iterdir()) == ["in.pcap", "out"], "other files")


@case
def it_needs_no_root():
    if os.geteuid() != 0:
        return  # every other case has shown it
    with folder() as f:
        f.path.chmod(0o777)
        nobody = 65534
        args = {"user": nobody, "group": nobody, "extra_groups": [],
                "env": {"PATH": os.environ["PATH"]}}
        try:
            smtap("--version", **args)
        except PermissionError:
            return  # nobody may not run what is in this build folder
        expect_status(replay("-o", f.output(), f.capture, **args), 0)
        expect(len(events(f.eve(), "smtp_auth")) == 27, "not all attempts")
        until("nothing left behind", lambda: not any("smtap" in n for n in os.listdir("/tmp/dpdk"))
              if os.path.isdir("/tmp/dpdk") else True)


if __name__ == "__main__":
    sys.exit(main())
