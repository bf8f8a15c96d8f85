#!/usr/bin/env python3
"""Write the seeds of the smtp and sasl fuzz targets (see smtp_fuzz.c, sasl_fuzz.c)."""
import base64
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent / "corpus"
PASSWORD = b"s3cret!word"


def b64(data):
    return base64.b64encode(data)


def record(line):
    """'C text', 'S text' (with CRLF), 'c text', 's text' (without), 'C! n', 'S! n', 'T n'."""
    what, _, rest = line.partition(b" ")
    server = what[:1] in (b"S", b"s")
    if what.endswith(b"!"):
        return struct.pack(">BH", 2 | server, int(rest) - 1)
    if what == b"T":
        return struct.pack(">BH", 4, int(rest))
    text = rest + (b"\r\n" if what.isupper() else b"")
    return struct.pack(">BH", int(server), len(text)) + text


def session(options, *lines):
    return bytes([options]) + b"".join(map(record, lines))


HELLO = (b"S 220 mx1 ESMTP", b"C EHLO client", b"S 250-mx1", b"S 250 AUTH LOGIN PLAIN")
LOGIN = (
    b"C AUTH LOGIN",
    b"S 334 VXNlcm5hbWU6",
    b"C " + b64(b"alice"),
    b"S 334 UGFzc3dvcmQ6",
    b"C " + b64(PASSWORD),
    b"S 535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6",
)
MAIL = (
    b"C MAIL FROM:<a@b>",
    b"S 250 ok",
    b"C RCPT TO:<c@d>",
    b"S 250 ok",
    b"C DATA",
    b"S 354 go",
    b"C Content-Type: multipart/report;",
    b"C  report-type=delivery-status",
    b"C ",
    b"C AUTH LOGIN",
    b"C ..",
    b"C .",
    b"S 250 queued",
)
PIPELINED = (
    b"C AUTH LOGIN",
    b"C " + b64(b"a"),
    b"C " + b64(PASSWORD),
    b"C AUTH PLAIN " + b64(b"\0b\0" + PASSWORD),
    b"S 334 VXNlcm5hbWU6",
    b"S 334 UGFzc3dvcmQ6",
    b"S 535 no",
    b"S 235 yes",
)
BDAT = (
    b"C MAIL FROM:<>",
    b"S 250 ok",
    b"C BDAT 12",
    b"C AUTH LOGIN",
    b"S 250 ok",
    b"C BDAT 4 LAST",
    b"c QUIT",
    b"S 250 ok",
    b"C BDAT 99999 LAST",
    b"S 552 big",
    b"S 334 ",
)
GAPS = (
    *LOGIN[:3],
    b"S! 18",
    *LOGIN[4:],
    b"C! 12",
    *LOGIN[1:],
    *MAIL[:7],
    b"C! 99",
    b"S 250 ok",
    b"S! 30",
    *LOGIN,
)
HELLO_TLS = b"c \x16\x03\x01\x00\x05hello\x17\x03\x03"
SERVER_TLS = b"s \x16\x03\x03\0\5hello"
# Security buffers of domain and user at 28 and 36, flags at 60, the names from 64 on.
NTLM3 = (
    b"NTLMSSP\0\3\0\0\0"
    + bytes(16)
    + struct.pack("<HHI", 6, 6, 64)
    + struct.pack("<HHI", 8, 8, 70)
    + bytes(16)
    + struct.pack("<I", 0x8201)
    + "DOMdave".encode("utf-16le")
)
NTLM = (
    b"C AUTH NTLM " + b64(b"NTLMSSP\0\1\0\0\0"),
    b"S 334 " + b64(b"NTLMSSP\0\2\0\0\0"),
    b"C " + b64(NTLM3),
    b"S 535 5.7.3 Authentication unsuccessful",
)
PROXY1 = b"C PROXY TCP4 198.51.100.7 203.0.113.25 4242 25"
PROXY2 = (
    b"c \r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
    b"\xc6\x33\x64\x07\xcb\0\x71\x19\x10\x92\0\x19"
)
CUT = (b"c AUTH PLA", b"c IN " + b64(b"\0a\0" + PASSWORD), b"S 535 no")

SMTP = {
    "login": session(0, *HELLO, *LOGIN, *LOGIN, b"C QUIT", b"S 221 bye"),
    "pipelined": session(0, *HELLO, *PIPELINED),
    "mail": session(0, *HELLO, *MAIL, *LOGIN),
    "bdat": session(0, *HELLO, *BDAT),
    "starttls": session(0, *HELLO, b"C STARTTLS", b"S 220 go", HELLO_TLS, SERVER_TLS),
    "tls": session(0, HELLO_TLS, SERVER_TLS),
    "not-tls": session(0, *HELLO, HELLO_TLS, b"C ", b"S 500 what", *LOGIN),
    "gaps": session(0, *HELLO, *GAPS),
    "client": session(0, b"C EHLO x", *LOGIN[::2], *MAIL[::2], b"T 90", *LOGIN[::2]),
    "server": session(0, *LOGIN[1::2], b"S 334 ", b"S 235 ok", b"S 535 no", b"S 354 go"),
    "midstream": session(1, b"C words of a message", b"C .", b"S 250 ok", *LOGIN),
    "ntlm": session(0, *HELLO, *NTLM),
    "proxy1": session(2, PROXY1, *HELLO, *LOGIN),
    "proxy2": session(2, PROXY2, *HELLO),
    "no-blocks": session(4, *HELLO, *MAIL, *CUT),
    "long": session(0, *HELLO, b"C NOOP " + b"A" * 5000, b"S 250 ok", *LOGIN),
}

SASL = {
    "plain": (3, 0, b"z\0alice\0" + PASSWORD),
    "cram": (4, 0, b"alice 0123456789abcdef0123456789abcdef"),
    "digest": (5, 0, b'username="a\\"b",realm="r",nonce="x",authzid=z'),
    "ntlm": (6, 1, NTLM3),
    "scram": (7, 0, b"p=tls-unique,a=z=2C,m=x,n=u=3D,r=abc"),
    "xoauth2": (8, 0, b"user=a@b\1auth=Bearer x\1\1"),
    "oauthbearer": (9, 0, b"n,a=a@b,\1auth=Bearer x\1\1"),
    "otp": (12, 0, b"z\0u"),
    "prompt": (0, 0, b"VXNlcm5hbWU6"),
    "challenge": (0, 0, b64(b'realm="r",nonce="n",algorithm=md5-sess')),
}


def main():
    sasl = {name: bytes(seed[:2]) + seed[2] for name, seed in SASL.items()}
    for folder, seeds in (("smtp", SMTP), ("sasl", sasl)):
        (HERE / folder).mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (HERE / folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
