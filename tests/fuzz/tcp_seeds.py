#!/usr/bin/env python3
"""Write the seed corpus of tcp_fuzz: one small file for each kind of trouble."""
import pathlib
import random

OUT = pathlib.Path(__file__).parent / "corpus" / "tcp"
ACK, DATA, FIN, SYN, SYNACK, RST = 0, 2, 3, 4, 5, 6


def segment(side, kind, seq=0, ack=0, size=0, scale=0, checksum=1, gap_us=1000, cut=0):
    """One record; seq and ack count from where each stream stands."""
    return bytes([side | kind << 1, seq & 255, scale, ack & 255, size,
                  checksum | (0x40 if cut else 0), cut, gap_us >> 8, gap_us & 255, 0])


HELLO = segment(0, SYN) + segment(1, SYNACK) + segment(0, ACK)
rng = random.Random(1)
SEEDS = {
    "dialogue": HELLO + b"".join(segment(i & 1, DATA, size=20 + i) for i in range(20))
    + segment(0, FIN) + segment(1, FIN),
    "reordered": HELLO + b"".join(
        segment(0, DATA, seq=7 * (5 - i), size=7) for i in range(6)) * 3,
    "one-sided": b"".join(segment(0, DATA, size=9, ack=3) for _ in range(20)),
    "lost-reply": HELLO + (segment(0, DATA, size=4, ack=5) + segment(1, DATA, seq=5, size=3)
                           + segment(0, ACK, gap_us=60000) * 14) * 2,
    "overlaps": HELLO + b"".join(
        segment(rng.randrange(2), DATA, seq=rng.randrange(60), size=rng.randrange(1, 40))
        for _ in range(60)),
    "many-holes": HELLO + b"".join(
        segment(0, DATA, seq=rng.randrange(1, 127), scale=3, size=rng.randrange(1, 200))
        for _ in range(200)),
    "large-cut": HELLO + segment(0, DATA, size=250, scale=0x40, cut=90) * 3
    + segment(1, DATA, seq=3, size=250, scale=0x40) * 3,
    "resets": HELLO + segment(1, RST, seq=9) + segment(1, DATA, size=9) + segment(0, RST)
    + segment(0, SYN, seq=99, scale=6) + segment(1, SYNACK),
    "checksums": segment(0, SYN, checksum=2) + segment(1, SYNACK) + segment(0, SYN)
    + segment(0, DATA, size=5, checksum=3) + segment(1, DATA, size=5, checksum=2) * 2,
}

OUT.mkdir(parents=True, exist_ok=True)
for name, seed in SEEDS.items():
    (OUT / name).write_bytes(seed)
