"""Write captures of scripted SMTP dialogues, with correct TCP, for tests.

A Wire collects frames; a Session speaks on it. Time only moves when told to.
"""
import ipaddress
import struct


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp_frame(src, dst, sport, dport, seq, ack, flags, payload, bad_checksum=False):
    """An Ethernet frame with one TCP segment; IPv4 or IPv6 by the addresses."""
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    head = struct.pack(
        ">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 64240, 0, 0
    )
    length = len(head) + len(payload)
    if src.version == 4:
        pseudo = src.packed + dst.packed + struct.pack(">BBH", 0, 6, length)
    else:
        pseudo = src.packed + dst.packed + struct.pack(">IHBB", length, 0, 0, 6)
    check = checksum(pseudo + head + payload)
    if bad_checksum:
        check ^= 0x5A5A
    head = head[:16] + struct.pack(">H", check) + head[18:]
    if src.version == 4:
        ip = (
            struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, 6, 0)
            + src.packed
            + dst.packed
        )
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        ethertype = 0x0800
    else:
        ip = struct.pack(">IHBB", 0x60000000, length, 6, 64) + src.packed + dst.packed
        ethertype = 0x86DD
    return (
        bytes.fromhex("020000000001020000000002")
        + struct.pack(">H", ethertype)
        + ip
        + head
        + payload
    )


class Wire:
    """Frames with times; write() makes a nanosecond pcap."""

    def __init__(self, start=1_790_000_000.0):
        self.now_ns = int(start * 1e9)
        self.snap = 262144  # bytes of a frame that are kept
        self.frames = []

    def wait(self, seconds):
        self.now_ns += int(seconds * 1e9)

    def put(self, frame):
        self.now_ns += 50_000
        self.frames.append((self.now_ns, frame))

    def write(self, path):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, self.snap, 1))
            for ns, frame in self.frames:
                kept = frame[: self.snap]
                out.write(
                    struct.pack("<IIII", ns // 10**9, ns % 10**9, len(kept), len(frame)) + kept
                )


SYN, ACK, FIN, RST, PSH = 0x02, 0x10, 0x01, 0x04, 0x08


class Session:
    """One TCP connection; c() and s() send what the client and the server say."""

    def __init__(
        self, wire, client, server="203.0.113.25", sport=40000, dport=25, isn=(1000, 7_000_000)
    ):
        self.wire, self.client, self.server, self.sport, self.dport = (
            wire,
            client,
            server,
            sport,
            dport,
        )
        self.seq = list(isn)

    def segment(self, side, flags, payload=b"", bad_checksum=False, move=True):
        a, b = (self.client, self.server) if side == 0 else (self.server, self.client)
        ports = (self.sport, self.dport) if side == 0 else (self.dport, self.sport)
        self.wire.put(
            tcp_frame(
                a,
                b,
                *ports,
                self.seq[side],
                self.seq[1 - side] if flags & ACK else 0,
                flags,
                payload,
                bad_checksum,
            )
        )
        if move:
            self.seq[side] += len(payload) + bool(flags & SYN) + bool(flags & FIN)

    def open(self):
        self.segment(0, SYN)
        self.segment(1, SYN | ACK)
        self.segment(0, ACK)
        return self

    def c(self, text):
        self.segment(0, PSH | ACK, text if isinstance(text, bytes) else text.encode())
        return self

    def s(self, text):
        self.segment(1, PSH | ACK, text if isinstance(text, bytes) else text.encode())
        return self

    def talk(self, *lines):
        """Lines 'C: ...' and 'S: ...', CRLF added."""
        for line in lines:
            (self.c if line[0] == "C" else self.s)(line[3:] + "\r\n")
        return self

    def close(self):
        self.segment(0, FIN | ACK)
        self.segment(1, FIN | ACK)
        self.segment(0, ACK)
        return self

    def reset(self, side=0):
        self.segment(side, RST | ACK)
        return self
