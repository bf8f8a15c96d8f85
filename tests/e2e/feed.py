"""Frames into a device of a lab, no faster than `smtap run` takes them.

What the kernel fills for a reader drops what comes while it is full: a ring of libpcap has room
for 31 frames here, a veth under XDP for 256, a tap for 500. How soon they are full is the
machine's affair, so a test that asks for every frame must not have more on their way than that.
A Feed waits, frame by frame of a window, for the dataplane's own counters. They are read where
they are kept: in the memory that the dataplane shares with control (contract/ring.h).
"""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import socket
import struct
import subprocess

from lab import enter
from pcapgen import ACK, Wire
from segments import Segment

CONTRACT = pathlib.Path(__file__).resolve().parents[2] / "contract"
NAMES = re.findall(r'^\s*X\(\w+, "(\w+)"', (CONTRACT / "counters.h").read_text(), re.M)
MAGIC = 0x736D746170726E67  # RING_MAGIC
COUNTERS_AT = 192  # bytes into struct ring_header
LOOK_S = 0.001
# Packets that arrived are one of these.
SEEN = ["rx_packets", "port_missed", "port_nombuf", "port_errors", "dispatch_full"]
# Frames on their way: fewer than any reader has room for; and than AF_PACKET has in each socket.
WINDOW, WINDOW_AF_PACKET = 16, 256


class Rings:
    """The counters of a dataplane as they are now, summed over its workers."""

    def __init__(self, stack, pid):
        self.files = []
        for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(path).startswith("/memfd:"):
                    f = stack.enter_context(open(path, "rb", buffering=0))
                    if struct.unpack("<Q", os.pread(f.fileno(), 8, 0))[0] == MAGIC:
                        self.files.append(f)
        assert self.files, "the dataplane has no ring"

    def now(self):
        layout = f"<{len(NAMES)}Q"
        size = struct.calcsize(layout)
        rows = [os.pread(f.fileno(), size, COUNTERS_AT) for f in self.files]
        return dict(zip(NAMES, map(sum, zip(*(struct.unpack(layout, row) for row in rows)))))

    def seen(self):
        now = self.now()
        return sum(now[k] for k in SEEN)


def frames_of(capture):
    """The frames of a pcap file."""
    data = pathlib.Path(capture).read_bytes()
    order = "<" if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xd4\xc3\xb2\xa1") else ">"
    frames, at = [], 24
    while at < len(data):
        size = struct.unpack(f"{order}IIII", data[at : at + 16])[2]
        frames.append(data[at + 16 : at + 16 + size])
        at += 16 + size
    return frames


def once_more(capture, folder, n):
    """The n-th capture of as much, by other connections: the same packets would be late copies."""
    wire, path = Wire(), pathlib.Path(folder, f"more-{n}.pcap")
    for frame in frames_of(capture):
        if frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_TCP:
            s = Segment(0, frame)
            seq, ack = ((number + (n << 28)) & 0xFFFFFFFF for number in (s.seq, s.ack))
            frame = s.but(seq=seq, ack=ack if s.flags & ACK else s.ack).frame()
        wire.put(frame)
    wire.write(path)
    return path


def wire_into(stack, namespace, device):
    """A socket that sends on a device of another network; we stay in ours."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(namespace)
        wire = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        wire.bind((device, 0))
    finally:
        ctypes.CDLL(None).setns(home, 0)
        os.close(home)
    return wire


def is_up(namespace, device):
    """The kernel drops in silence what it is given before it has noticed the carrier."""
    command = ["ip", "-n", namespace, "-j", "link", "show", "dev", device]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (link,) = json.loads(said)
    return "LOWER_UP" in link["flags"] and link["operstate"] in ("UP", "UNKNOWN")


def play(lab, rings, device, frames, window=WINDOW):
    """All of them; each was seen, or is counted as lost, when this returns."""
    lab.until(f"the link of {device}", lambda: is_up(lab.server, device))
    before = rings.seen()
    with contextlib.ExitStack() as stack:
        wire = wire_into(stack, lab.server, device)
        for at, frame in enumerate(frames, 1):
            wire.send(frame)
            if at % window == 0 or at == len(frames):
                lab.until(
                    f"{at} of {len(frames)} frames into {device}",
                    lambda: rings.seen() - before >= at,  # noqa: B023
                    LOOK_S,
                )
