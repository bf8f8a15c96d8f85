#!/usr/bin/env python3
"""One dialogue, written on the wire in other ways, leaves the same attempts and findings.

usage: rewrite_test.py SMTAP   (prints TAP)

Captures are rewritten: each payload byte in a segment of its own; payloads cut at random; frames in
another order within a window; every frame twice. Each is replayed and compared with the original:
AUTH attempts (all of them but when, and on which flow id) and findings as they closed. The bundled
captures are replayed with 1, 2 and 4 workers, those of ../shared/corpus up to a size with one. The
random numbers are seeded: a failure is there again the next time.
"""
import pathlib
import random
import struct
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from formats import ETHERNET, pcap  # noqa: E402
from golden import (GOLDEN, SHARED, Replay, Tap, corpus, difference,  # noqa: E402
                    ports_of, side_by_side)
from pcapgen import checksum  # noqa: E402

LARGEST_BYTES = 1_600_000  # of a capture in the corpus
WORKERS = (1, 2, 4)
WINDOW = 4  # frames that may change places

SYN, FIN, RST, PSH = 2, 1, 4, 8


def read_pcap(path):
    """[(ns, frame)] of an Ethernet capture."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    unit = 1 if struct.unpack(order + "I", data[:4])[0] == 0xA1B23C4D else 1000
    assert struct.unpack(order + "I", data[20:24])[0] == ETHERNET, path
    frames, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, size, _ = struct.unpack(order + "IIII", data[at:at + 16])
        frames.append((seconds * 10**9 + fraction * unit, data[at + 16:at + 16 + size]))
        at += 16 + size
    return frames


class Segment:
    """An Ethernet frame with TCP over plain IPv4 or IPv6, taken apart."""

    def __init__(self, frame):
        self.ethernet = frame[:14]
        kind = struct.unpack(">H", frame[12:14])[0]
        if kind == 0x0800:
            head = 14 + (frame[14] & 15) * 4
            end = 14 + struct.unpack(">H", frame[16:18])[0]
            fragment = struct.unpack(">H", frame[20:22])[0] & 0x3FFF
            self.good = frame[23] == 6 and not fragment
        else:
            head = 54
            end = 54 + struct.unpack(">H", frame[18:20])[0] if kind == 0x86DD else 0
            self.good = kind == 0x86DD and frame[20] == 6
        self.good = self.good and len(frame) >= end >= head + 20
        if not self.good:
            return
        self.v4 = kind == 0x0800
        self.ip = frame[14:head]
        data = head + (frame[head + 12] >> 4) * 4
        self.tcp, self.payload = frame[head:data], frame[data:end]
        self.seq = struct.unpack(">I", self.tcp[4:8])[0]
        self.flags = self.tcp[13]

    def frame(self, offset, payload, flags):
        """A frame that carries payload, which starts at offset in ours."""
        tcp = (self.tcp[:4] + struct.pack(">I", (self.seq + offset) & 0xFFFFFFFF) + self.tcp[8:13]
               + bytes([flags]) + self.tcp[14:16] + b"\0\0" + self.tcp[18:])
        size = len(tcp) + len(payload)
        if self.v4:
            pseudo = self.ip[12:20] + struct.pack(">BBH", 0, 6, size)
            ip = self.ip[:2] + struct.pack(">H", len(self.ip) + size) + self.ip[4:10]
            ip += b"\0\0" + self.ip[12:]
            ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        else:
            pseudo = self.ip[8:40] + struct.pack(">IHBB", size, 0, 0, 6)
            ip = self.ip[:4] + struct.pack(">H", size) + self.ip[6:]
        check = checksum(pseudo + tcp + payload)
        return self.ethernet + ip + tcp[:16] + struct.pack(">H", check) + tcp[18:] + payload


def cut(frames, cuts):
    """Each payload in pieces; cuts(length) gives where. FIN and PSH go with the last one."""
    for ns, frame in frames:
        s = Segment(frame)
        if not s.good or len(s.payload) < 2 or s.flags & (SYN | RST):
            yield ns, frame
            continue
        places = [0] + cuts(len(s.payload)) + [len(s.payload)]
        for start, end in zip(places, places[1:]):
            last = end == len(s.payload)
            flags = s.flags if last else s.flags & ~(FIN | PSH)
            yield ns, s.frame(start, s.payload[start:end], flags)


def one_byte_segments(frames, _):
    return list(cut(frames, lambda n: list(range(1, n))))


def random_cuts(frames, rng):
    return list(
        cut(frames, lambda n: sorted(rng.sample(range(1, n), min(n - 1, rng.randint(0, 4)))))
    )


def every_frame_twice(frames, _):
    return [f for f in frames for _ in range(2)]


def reordered(frames, rng):
    """Frames change places within windows; the times stay where they were. A handshake and a RST
    keep their place: without a connection there is nothing to put in order, and after a RST nothing
    counts."""
    out = []
    frozen = [not (s := Segment(f)).good or s.flags & (SYN | RST) for _, f in frames]
    for at in range(0, len(frames), WINDOW):
        window = frames[at:at + WINDOW]
        loose = [i for i in range(len(window)) if not frozen[at + i]]
        places = loose[:]
        rng.shuffle(places)
        data = [f for _, f in window]
        for i, place in zip(loose, places):
            data[place] = window[i][1]
        out += [(ns, f) for (ns, _), f in zip(window, data)]
    return out


# Captures that a rewriting may change, and why.
EXCEPTIONS = {
    ("17-05-overlap-conflict-after", "reordered"):
        "a forged copy of a segment that follows the true one comes first when they change places",
}

WRITINGS = (one_byte_segments, random_cuts, reordered, every_frame_twice)


def compare(run, original, sessions=True):
    """sessions: they too must have been noticed at the same time."""
    if run.status:
        return [f"exit status {run.status}: {run.stderr.strip()}"]
    return (difference(run.attempts(), original.attempts())
            + difference(run.findings(sessions), original.findings(sessions)))


def rewritten_run(smtap, capture, writing, workers):
    # A generator of its own for each: what comes before changes nothing.
    rng = random.Random(f"{capture.stem} {writing.__name__}")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "in.pcap")
        path.write_bytes(pcap(writing(read_pcap(capture), rng), ETHERNET))
        return [Replay(smtap, [path], n, ports_of(capture)) for n in workers]


def examine(smtap, capture, workers):
    """[(name, what is off, why that is expected)]"""
    original = Replay(smtap, [capture], ports=ports_of(capture))
    off = [original.stderr.strip()] if original.status else []
    if not original.attempts() and capture.parent == GOLDEN:
        off.append("no attempts: nothing is compared")
    points = [(f"{capture.stem}: {len(original.attempts())} attempts", off, None)]
    for n in workers[1:]:
        run = Replay(smtap, [capture], n, ports_of(capture))
        points.append((f"{capture.stem}, {n} workers", compare(run, original), None))
    for writing in WRITINGS:
        why = EXCEPTIONS.get((capture.stem, writing.__name__))
        for n, run in zip(workers, rewritten_run(smtap, capture, writing, workers)):
            # What a session shows, and when, moves with its frames; its AUTH attempts stay.
            off = compare(run, original, sessions=writing is not reordered)
            if why and not off:
                off, why = ["this one is right now: no exception is needed"], None
            points.append((f"{capture.stem}, {writing.__name__}, {n} workers", off, why))
    return points


def main():
    smtap, tap = sys.argv[1], Tap()
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    works = [(c, WORKERS) for c in sorted(GOLDEN.glob("*.pcap"))]
    if (SHARED / "corpus").exists():
        works += [(c, WORKERS[:1]) for c in corpus(LARGEST_BYTES)]
    else:
        tap.skip("corpus", "no ../shared/corpus: the bundled captures alone")
    works = [w for w in works if only in w[0].stem]
    for points in side_by_side(lambda w: examine(smtap, *w), works):
        for name, off, why in points:
            tap.point(name, off, expected=why)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
