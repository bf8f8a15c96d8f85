#!/usr/bin/env python3
"""One dialogue in every wrapping that decode knows: all must leave the same AUTH events.

usage: encap_test.py SMTAP   (prints TAP)
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from pcapgen import Session, Wire, checksum  # noqa: E402

MACS = bytes.fromhex("020000000011020000000012")
OUTER4 = (bytes([192, 0, 2, 201]), bytes([192, 0, 2, 202]))
OUTER6 = tuple(bytes.fromhex("20010db800ff000000000000000000") + bytes([n]) for n in (1, 2))


def ether(ethertype, payload):
    return MACS + struct.pack(">H", ethertype) + payload


def ipv4(proto, payload, options=b"", ident=0, fragment=0):
    head = (
        struct.pack(
            ">BBHHHBBH",
            0x40 | (5 + len(options) // 4),
            0,
            20 + len(options) + len(payload),
            ident,
            fragment,
            64,
            proto,
            0,
        )
        + OUTER4[0]
        + OUTER4[1]
        + options
    )
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(proto, payload):
    return (
        struct.pack(">IHBB", 0x60000000, len(payload), proto, 64) + OUTER6[0] + OUTER6[1] + payload
    )


def udp(port, payload):
    return struct.pack(">HHHH", 50000, port, 8 + len(payload), 0) + payload


def gre(proto, payload, flags=0, extra=b""):
    return struct.pack(">HH", flags, proto) + extra + payload


def mpls(*labels):
    return b"".join(
        struct.pack(">I", (label << 12) | ((i + 1 == len(labels)) << 8) | 64)
        for i, label in enumerate(labels)
    )


def add_ipv4_options(frame):
    ip = frame[14:]
    head = bytearray(ip[:20] + b"\x01\x01\x01\x00")
    head[0] = 0x46
    struct.pack_into(">H", head, 2, struct.unpack_from(">H", ip, 2)[0] + 4)
    struct.pack_into(">H", head, 10, 0)
    struct.pack_into(">H", head, 10, checksum(bytes(head)))
    return frame[:14] + bytes(head) + ip[20:]


GTP = struct.pack(">BBHI", 0x30, 0xFF, 0, 7)
# name: what becomes of one Ethernet frame f that carries IPv4
WRAPS = {
    "802.1Q": lambda f: ether(0x8100, b"\x00\x64" + f[12:]),
    "QinQ 802.1ad": lambda f: ether(0x88A8, b"\x00\xc8\x81\x00\x00\x64" + f[12:]),
    "QinQ 0x9100": lambda f: ether(0x9100, b"\x00\xc8\x81\x00\x00\x64" + f[12:]),
    "three tags": lambda f: ether(0x88A8, b"\x00\xc8\x81\x00\x00\x64\x81\x00\x00\x65" + f[12:]),
    "MPLS, one label": lambda f: ether(0x8847, mpls(17) + f[14:]),
    "MPLS, three labels": lambda f: ether(0x8847, mpls(17, 18, 19) + f[14:]),
    "MPLS pseudowire": lambda f: ether(0x8847, mpls(17) + b"\0\0\0\0" + f),
    "PPPoE": lambda f: ether(
        0x8864, struct.pack(">BBHHH", 0x11, 0, 9, len(f) - 14 + 2, 0x21) + f[14:]
    ),
    "IP in IP": lambda f: ether(0x0800, ipv4(4, f[14:])),
    "4in6": lambda f: ether(0x86DD, ipv6(4, f[14:])),
    "GRE": lambda f: ether(0x0800, ipv4(47, gre(0x0800, f[14:]))),
    "GRE with key and sequence": lambda f: ether(
        0x0800, ipv4(47, gre(0x0800, f[14:], 0x3000, bytes(8)))
    ),
    "GRE, Ethernet inside": lambda f: ether(0x0800, ipv4(47, gre(0x6558, f))),
    "GRE over IPv6": lambda f: ether(0x86DD, ipv6(47, gre(0x0800, f[14:]))),
    "ERSPAN I": lambda f: ether(0x0800, ipv4(47, gre(0x88BE, f))),
    "ERSPAN II": lambda f: ether(
        0x0800, ipv4(47, gre(0x88BE, b"\x10\x64\x00\x01\x00\x00\x00\x00" + f, 0x1000, bytes(4)))
    ),
    "ERSPAN III": lambda f: ether(
        0x0800, ipv4(47, gre(0x22EB, b"\x20\x64\x00\x01" + bytes(8) + f, 0x1000, bytes(4)))
    ),
    "VXLAN": lambda f: ether(0x0800, ipv4(17, udp(4789, b"\x08\0\0\0\0\x12\x34\0" + f))),
    "VXLAN over IPv6": lambda f: ether(0x86DD, ipv6(17, udp(4789, b"\x08\0\0\0\0\x12\x34\0" + f))),
    "GENEVE": lambda f: ether(0x0800, ipv4(17, udp(6081, b"\x00\x00\x65\x58\x00\x00\x07\x00" + f))),
    "GENEVE with options": lambda f: ether(
        0x0800, ipv4(17, udp(6081, b"\x02\x00\x65\x58\x00\x00\x07\x00" + bytes(8) + f))
    ),
    "GTP-U": lambda f: ether(
        0x0800, ipv4(17, udp(2152, GTP[:2] + struct.pack(">H", len(f) - 14) + GTP[4:] + f[14:]))
    ),
    "GTP-U with sequence": lambda f: ether(
        0x0800,
        ipv4(17, udp(2152, b"\x32\xff" + struct.pack(">HI", len(f) - 10, 7) + bytes(4) + f[14:])),
    ),
    "VLAN, MPLS, GRE, VXLAN": lambda f: ether(
        0x8100,
        b"\x00\x64\x88\x47"
        + mpls(17)
        + ipv4(47, gre(0x0800, ipv4(17, udp(4789, b"\x08\0\0\0\0\x12\x34\0" + f)))),
    ),
    "IPv4 options": add_ipv4_options,
    "Ethernet padding": lambda f: f + bytes(max(0, 60 - len(f))) + b"\xde\xad\xbe\xef",
}


def fragments(f, size):
    """The frame's IPv4 packet in pieces of size bytes, last one first."""
    ip = f[14:]
    body, pieces = ip[20:], []
    for offset in range(0, len(body), size):
        more = offset + size < len(body)
        head = bytearray(ip[:20])
        struct.pack_into(">H", head, 2, 20 + len(body[offset : offset + size]))
        struct.pack_into(">H", head, 4, fragments.ident & 0xFFFF)
        struct.pack_into(">H", head, 6, (0x2000 if more else 0) | offset // 8)
        struct.pack_into(">H", head, 10, 0)
        struct.pack_into(">H", head, 10, checksum(bytes(head)))
        pieces.append(f[:14] + bytes(head) + body[offset : offset + size])
    fragments.ident += 1
    return pieces[::-1]


fragments.ident = 1


def outer_fragments(f):
    """A GRE tunnel whose outer packets are fragmented; the first fragment last."""
    packet = gre(0x0800, f[14:])
    cut = len(packet) // 2 & ~7
    ident = fragments.ident = fragments.ident + 1
    return [
        ether(0x0800, ipv4(47, packet[cut:], ident=ident & 0xFFFF, fragment=cut // 8)),
        ether(0x0800, ipv4(47, packet[:cut], ident=ident & 0xFFFF, fragment=0x2000)),
    ]


SPLITS = {
    "fragments of 24 bytes, backwards": lambda f: fragments(f, 24),
    "fragments of 8 bytes, backwards": lambda f: fragments(f, 8),
    "fragments of the tunnel": outer_fragments,
    "fragments, each twice": lambda f: [p for p in fragments(f, 16) for _ in range(2)],
}


def dialogue():
    wire = Wire()
    for n in range(6):
        s = Session(wire, f"198.51.100.{7 + n}", sport=40000 + n).open()
        s.talk("S: 220 mx1.corp.example ESMTP Postfix", "C: EHLO x", "S: 250-mx1\r\n250 AUTH LOGIN")
        for k in range(3):
            s.talk(
                "C: AUTH LOGIN",
                "S: 334 VXNlcm5hbWU6",
                "C: YWxpY2U=",
                "S: 334 UGFzc3dvcmQ6",
                f"C: d3Jvbmcx{k}A==",
                "S: 535 5.7.8 Error: authentication failed: (reason unavailable)",
            )
        s.talk("C: QUIT", "S: 221 Bye").close()
    return wire


def auths(smtap, wire, workers):
    with tempfile.TemporaryDirectory() as out:
        wire.write(f"{out}/in.pcap")
        r = subprocess.run(
            [smtap, "replay", "--workers", str(workers), "-o", f"{out}/o", f"{out}/in.pcap"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        if r.returncode:
            return f"exit status {r.returncode}: {r.stderr.strip()}"
        events = [
            json.loads(line) for line in pathlib.Path(out, "o/eve.json").read_text().splitlines()
        ]
    return [
        (
            e["src_ip"],
            e["src_port"],
            e["dest_ip"],
            e["community_id"],
            tuple(sorted(e["smtp_auth"].items())),
        )
        for e in events
        if e["event_type"] == "smtp_auth"
    ]


def main():
    smtap = sys.argv[1]
    plain = dialogue()
    want = auths(smtap, plain, 1)
    cases = [(name, lambda f, wrap=wrap: [wrap(f)]) for name, wrap in WRAPS.items()] + list(
        SPLITS.items()
    )
    print(f"1..{len(cases) + 1}")
    ok = isinstance(want, list) and len(want) == 18
    print(
        f"{'ok' if ok else 'not ok'} 1 - the plain capture has 18 attempts"
        + ("" if ok else f"\n# {want}")
    )
    bad = not ok
    for number, (name, make) in enumerate(cases, 2):
        wire = Wire()
        for ns, frame in plain.frames:
            wire.frames += [(ns, piece) for piece in make(frame)]
        got = auths(smtap, wire, 1 + number % 3)
        print(f"{'ok' if got == want else 'not ok'} {number} - {name}")
        if got != want:
            bad = True
            print(f"# {got if isinstance(got, str) else f'{len(got)} attempts, not {len(want)}'}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
