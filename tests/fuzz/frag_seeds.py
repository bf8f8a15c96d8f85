#!/usr/bin/env python3
"""Write the seeds of frag_fuzz: frag_seeds.py FOLDER."""

import pathlib
import struct
import sys


def v4(ident, offset, more, body, protocol=6):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), ident,
                       (0x2000 if more else 0) | offset // 8, 64, protocol, 0,
                       bytes([198, 51, 100, 17]), bytes([203, 0, 113, 25])) + body


def v6(ident, offset, more, body):
    frag = struct.pack(">BBHI", 6, 0, offset | more, ident) + body
    return struct.pack(">IHBB16s16s", 6 << 28, len(frag), 44, 64,
                       b"\x20\x01" + bytes(13) + b"\x01", b"\x20\x01" + bytes(13) + b"\x02") + frag


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    a, b, c = b"a" * 24, b"b" * 24, b"c" * 11
    seeds = {
        "in_order": [v4(1, 0, 1, a), v4(1, 24, 1, b), v4(1, 48, 0, c)],
        "reverse": [v4(1, 48, 0, c), v4(1, 24, 1, b), v4(1, 0, 1, a)],
        "duplicate": [v4(1, 0, 1, a), v4(1, 0, 1, a), v4(1, 24, 0, c), v4(1, 24, 0, c)],
        "overlap": [v4(1, 0, 1, a), v4(1, 16, 1, b), v4(1, 24, 0, c)],
        "reused": [v4(1, 0, 1, a), v4(1, 24, 0, c), v4(1, 0, 1, b), v4(1, 24, 0, c)],
        "two_ends": [v4(1, 24, 0, c), v4(1, 48, 0, c), v4(1, 0, 1, a)],
        "largest": [v4(1, 65504, 0, c), v4(1, 65528, 0, b)],
        "full": [v4(i, 0, 1, a) for i in range(6)],
        "v6": [v6(1, 0, 1, a), v6(1, 24, 1, b), v6(1, 48, 0, c)],
        "v6_atomic": [v6(1, 0, 0, a)],
    }
    for name, packets in seeds.items():
        (out / name).write_bytes(b"".join(struct.pack(">H", len(p)) + p for p in packets))


if __name__ == "__main__":
    main()
