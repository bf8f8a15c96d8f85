"""TCP segments of a capture, taken apart, changed and put together again."""
import copy
import struct

from pcapgen import ACK, FIN, RST, SYN, checksum

CLIENT_TO = (25, 465, 587, 2525)  # ports that servers have


class Segment:
    """An Ethernet frame with TCP over plain IPv4 or IPv6; frame() has right lengths and sums."""

    def __init__(self, ns, frame):
        self.ns, self.ether = ns, frame[:14]
        self.v4 = frame[12:14] == b"\x08\x00"
        if self.v4:
            head, end = 14 + (frame[14] & 15) * 4, 14 + struct.unpack(">H", frame[16:18])[0]
            self.addresses, self.ident, self.hops = frame[26:34], frame[18:20], frame[22]
            self.service, self.fragment = frame[15], struct.unpack(">H", frame[20:22])[0]
        else:
            head, end = 54, 54 + struct.unpack(">H", frame[18:20])[0]
            self.addresses, self.ident, self.hops = frame[22:54], frame[14:18], frame[21]
        tcp = frame[head:end]
        self.sport, self.dport, self.seq, self.ack = struct.unpack(">HHII", tcp[:12])
        data = (tcp[12] >> 4) * 4
        self.flags, self.window, self.urgent = tcp[13], tcp[14:16], tcp[18:20]
        self.options, self.payload = tcp[20:data], tcp[data:]
        self.extensions = ()  # of IPv6: (kind, bytes but the first, which names the next)
        self.ip_options = b""
        self.reserved = 0
        self.wrong_sum = 0

    @property
    def from_client(self):
        return self.dport in CLIENT_TO

    @property
    def connection(self):
        half = len(self.addresses) // 2
        ends = [(self.addresses[:half], self.sport), (self.addresses[half:], self.dport)]
        return tuple(sorted(ends))

    @property
    def has_data(self):
        return bool(self.payload) and not self.flags & (SYN | RST)

    @property
    def end(self):
        marks = bool(self.flags & SYN) + bool(self.flags & FIN)
        return (self.seq + len(self.payload) + marks) & 0xFFFFFFFF

    def but(self, **changes):
        other = copy.copy(self)
        for name, value in changes.items():
            setattr(other, name, value)
        return other

    def answer(self, **changes):
        """An empty segment from the other side, in answer to this one."""
        half = len(self.addresses) // 2
        return self.but(
            **{
                "addresses": self.addresses[half:] + self.addresses[:half],
                "sport": self.dport,
                "dport": self.sport,
                "seq": self.ack,
                "ack": self.end,
                "payload": b"",
                "flags": ACK,
                **changes,
            }
        )

    def cut(self, places):
        """The same bytes in pieces; FIN goes with the last one."""
        places = [0, *places, len(self.payload)]
        return [
            self.but(
                seq=(self.seq + a) & 0xFFFFFFFF,
                payload=self.payload[a:b],
                flags=self.flags if b == places[-1] else self.flags & ~FIN,
            )
            for a, b in zip(places, places[1:])
        ]

    def tcp(self):
        words = (20 + len(self.options)) // 4
        head = struct.pack(
            ">HHIIBB",
            self.sport,
            self.dport,
            self.seq & 0xFFFFFFFF,
            self.ack & 0xFFFFFFFF,
            words << 4 | self.reserved,
            self.flags,
        )
        tail = self.urgent + self.options + self.payload
        size = len(head) + 4 + len(tail)
        pseudo = struct.pack(">BBH" if self.v4 else ">xxBBI", 0, 6, size)
        total = checksum(self.addresses + pseudo + head + self.window + b"\0\0" + tail)
        return head + self.window + struct.pack(">H", total ^ self.wrong_sum) + tail

    def ip(self, body, protocol=6, fragment=None):
        """body in an IP packet of this segment's."""
        if self.v4:
            words, size = 5 + len(self.ip_options) // 4, 20 + len(self.ip_options) + len(body)
            head = (
                struct.pack(
                    ">BBH2sHBBH",
                    0x40 | words,
                    self.service,
                    size,
                    self.ident,
                    self.fragment if fragment is None else fragment,
                    self.hops,
                    protocol,
                    0,
                )
                + self.addresses
                + self.ip_options
            )
            return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body
        for kind, content in reversed(self.extensions):
            body, protocol = bytes([protocol]) + content + body, kind
        head = struct.pack(">HBB", len(body), protocol, self.hops)
        return self.ident + head + self.addresses + body

    def frame(self):
        return self.ether + self.ip(self.tcp())

    def fragments(self, size, ident, overlap=0):
        """IP fragments: (ns, frame) each, of size bytes and the first overlap ones of the next."""
        body, found = self.tcp(), []
        for at in range(0, len(body), size):
            piece = body[at : at + size + overlap]
            more = at + len(piece) < len(body)
            piece = piece[: len(piece) // 8 * 8] if more else piece
            if self.v4:
                whole = self.but(ident=struct.pack(">H", ident & 0xFFFF))
                packet = whole.ip(piece, fragment=at // 8 | (0x2000 if more else 0))
            else:
                header = (44, b"\0" + struct.pack(">HI", at | more, ident))
                packet = self.but(extensions=(*self.extensions, header)).ip(piece)
            found.append((self.ns, self.ether + packet))
            if not more:
                break
        return found
