#!/usr/bin/env python3
"""Write the seeds of the `event` and `ring` targets.

event: a valid record of each type, and some broken ones. The layout is that of contract/event.h;
run it again when EVENT_VERSION changes. ring: steps, as tests/fuzz/ring_fuzz.c reads them.
"""
import pathlib
import struct

BODY, TEXT, SIZE = 80, 224, 512


def record(kind, body, text, version=1, flow_id=7):
    head = struct.pack("<HB5xQQQ", kind, version, 1_700_000_000 * 10**9, 42, 1_700_000_000 * 10**9)
    flow = struct.pack("<Q16s16sHHB3x", flow_id, bytes(10) + b"\xff\xff\xc6\x33\x64\x07",
                       bytes(10) + b"\xff\xff\xcb\x00\x71\x19", 40000, 25, 7)
    head += flow
    assert len(head) == BODY
    return (head + body.ljust(TEXT - BODY, b"\0") + text.ljust(SIZE - TEXT, b"\0"))


def auth(username, domain=b"", helo=b"", outcome=2, mechanism=b"LOGIN"):
    body = struct.pack("<QIHHHHBBBB24sBBBx4I", 0x1122334455667788, 1, 535, 5, 7, 8, outcome, 0,
                       0x23, 100, mechanism, len(username), len(domain), len(helo), 9, 0, 0, 0)
    return record(1, body, username + domain + helo)


def event_seeds():
    yield "auth", auth(b"alice@example.org", b"EXAMPLE", b"mail.example.org")
    yield "auth_utf8", auth("j\u00f6rg\u20ac\U0001f600".encode(), b"\\xFF")
    yield "auth_full", auth(b"u" * 255, b"d" * 33)
    yield "auth_overlong", auth(b"u" * 255, b"d" * 255, b"h" * 255)[:SIZE]
    yield "auth_control", auth(b"a\nb")
    yield "auth_half_character", auth(b"\xc3", b"\xb6")
    yield "auth_outcome", auth(b"a", outcome=200)
    yield "auth_mechanism", auth(b"a", mechanism=b"M" * 24)
    rcpt = struct.pack("<IHHHHBBBBB3x", 1, 250, 2, 1, 5, 1, 0, 6, 5, 5)
    yield "rcpt", record(2, rcpt, b"b@c.dea@b.calice")
    mail = struct.pack("<QIIIHHHHBBBBB3x", 12345, 1, 3, 2, 250, 2, 0, 0, 1, 1, 4, 5, 5)
    yield "mail", record(3, mail, b"heloa@b.calice")
    session = struct.pack("<Q2Q2Q2IIIIIHHB2BBB3x4I", 1_700_000_000 * 10**9, 10, 9, 800, 700, 0, 0,
                          8, 9, 2, 0, 6, 221, 1, 27, 27, 4, 6, 1, 2, 0, 0)
    yield "session", record(4, session, b"helobanner")
    yield "signature", record(5, struct.pack("<IBBBx", 1001, 1, 1, 5), b"535 5")
    yield "type_none", record(0, b"", b"")
    yield "version", record(4, session, b"helobanner", version=2)
    yield "no_flow", record(4, session, b"helobanner", flow_id=0)
    yield "short", auth(b"alice")[:100]


WRITE, FLUSH, READ, REPLACE, LIE_HEAD, LIE_CURSOR = 0, 2, 3, 5, 6, 7
MANY = 31 << 3


def ring_seeds():
    yield "wrap", bytes([WRITE | MANY, FLUSH, READ | MANY] * 8)
    yield "full", bytes([WRITE | MANY] * 4 + [READ | MANY] * 4)
    yield "replace", bytes([WRITE | MANY, FLUSH, READ | 3 << 3, REPLACE] * 5)
    for name, index in (("zero", 0), ("huge", 2**64 - 1), ("near", 33), ("beyond", 97)):
        lie = struct.pack("<Q", index)
        yield "head_" + name, bytes([WRITE | MANY, FLUSH, LIE_HEAD]) + lie + bytes([WRITE, FLUSH])
        yield "cursor_" + name, (bytes([WRITE | MANY, FLUSH, READ, LIE_CURSOR]) + lie
                                 + bytes([WRITE | MANY, FLUSH, READ | MANY]))


def main():
    for target, seeds in (("event", event_seeds()), ("ring", ring_seeds())):
        folder = pathlib.Path(__file__).parent / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds:
            assert len(data) <= SIZE, name
            (folder / name).write_bytes(data)


main()
