"""The same frames as captures of every kind that smtap reads.

Frames are Ethernet, as pcapgen makes them: [(ns, bytes)]. FORMATS maps a name to a function that
turns them into the bytes of a capture.
"""
import struct

ETHERNET, RAW, NULL, SLL, LOOP, IPV4, IPV6, SLL2 = 1, 101, 0, 113, 108, 228, 229, 276


def ethertype(frame):
    return struct.unpack(">H", frame[12:14])[0]


def as_ethernet(frame):
    return frame


def as_raw(frame):
    return frame[14:]


def as_sll(frame):
    # packet type, ARPHRD_ETHER, address length, address, protocol
    return struct.pack(">HHH8sH", 0, 1, 6, frame[6:12] + b"\0\0", ethertype(frame)) + frame[14:]


def as_sll2(frame):
    # protocol, reserved, interface, ARPHRD_ETHER, packet type, address length, address
    address = frame[6:12] + b"\0\0"
    return struct.pack(">HHIHBB8s", ethertype(frame), 0, 2, 1, 0, 6, address) + frame[14:]


def family(frame):
    return 2 if ethertype(frame) == 0x0800 else 10


def as_null(frame):
    return struct.pack("<I", family(frame)) + frame[14:]


def as_loop(frame):
    return struct.pack(">I", 2 if ethertype(frame) == 0x0800 else 24) + frame[14:]


def pcap(frames, link, turn=as_ethernet, nano=True, big_endian=False):
    order = ">" if big_endian else "<"
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)]
    for ns, frame in frames:
        data = turn(frame)
        fraction = ns % 10**9 if nano else ns % 10**9 // 1000
        out.append(struct.pack(order + "IIII", ns // 10**9, fraction, len(data), len(data)) + data)
    return b"".join(out)


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def interface(link):
    resolution = struct.pack("<HHB3x", 9, 1, 9) + struct.pack("<HH", 0, 0)  # if_tsresol 10^-9, end
    return block(1, struct.pack("<HHI", link, 0, 262144) + resolution)


def enhanced_packet(ns, data, of=0):
    size = len(data)
    return block(6, struct.pack("<IIIII", of, ns >> 32, ns & 0xFFFFFFFF, size, size) + data)


def pcapng(frames, link, turn=as_ethernet):
    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    packets = [enhanced_packet(ns, turn(frame)) for ns, frame in frames]
    return b"".join([section, interface(link), *packets])


FORMATS = {
    "ethernet-ns": lambda f: pcap(f, ETHERNET),
    "ethernet-us": lambda f: pcap(f, ETHERNET, nano=False),
    "ethernet-big-endian": lambda f: pcap(f, ETHERNET, nano=False, big_endian=True),
    "ethernet-pcapng": lambda f: pcapng(f, ETHERNET),
    "raw": lambda f: pcap(f, RAW, as_raw),
    "raw-pcapng": lambda f: pcapng(f, RAW, as_raw),
    "sll": lambda f: pcap(f, SLL, as_sll),
    "sll2": lambda f: pcap(f, SLL2, as_sll2),
    "null": lambda f: pcap(f, NULL, as_null),
    "loop": lambda f: pcap(f, LOOP, as_loop),
}
