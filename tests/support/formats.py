"""The same frames as captures of every kind that smtap reads.

Frames are Ethernet, as pcapgen makes them: [(ns, bytes)]. FORMATS maps a name to a function that
turns them into the bytes of a capture.
"""
import struct

ETHERNET, RAW, NULL, SLL, LOOP, IPV4, IPV6, SLL2 = 1, 101, 0, 113, 108, 228, 229, 276
PPP, PPP_SERIAL, PPPOE, HDLC, WIFI, RADIOTAP = 9, 50, 51, 104, 105, 127
ENC, PFLOG, NFLOG = 109, 117, 239


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


def as_ppp(frame):
    return b"\xff\x03" + (b"\0\x21" if ethertype(frame) == 0x0800 else b"\0\x57") + frame[14:]


def as_pppoe(frame):
    return struct.pack(">BBHH", 0x11, 0, 7, len(frame) - 12) + as_ppp(frame)[2:]


def as_hdlc(frame):
    return b"\x0f\0" + frame[12:]


def as_wifi(frame):
    # data, to the access point; duration, three addresses, sequence; SNAP
    return b"\x08\x01\0\0" + bytes(20) + b"\xaa\xaa\x03\0\0\0" + frame[12:]


def as_wifi_qos(frame):
    # of an Atheros: a time, flags that say that the header is padded; then a header of 26 bytes
    radio = struct.pack("<BBHI8xB7x", 0, 0, 24, 3, 0x20)
    return radio + b"\x88\x01" + bytes(26) + b"\xaa\xaa\x03\0\0\0" + frame[12:]


def as_enc(frame):
    return struct.pack("<III", family(frame), 0, 0) + frame[14:]


def as_pflog(frame):
    return bytes([61, family(frame)]) + bytes(62) + frame[14:]


def as_nflog(frame):
    # family, version, resource; a prefix of five bytes with its end; the packet
    fields = struct.pack("<HH5s3x", 9, 10, b"mail") + struct.pack("<HH", 4 + len(frame) - 14, 9)
    return bytes([family(frame), 0, 0, 0]) + fields + frame[14:]


def pcap(frames, link, turn=as_ethernet, nano=True, big_endian=False):
    order = ">" if big_endian else "<"
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)]
    for ns, frame in frames:
        data = turn(frame)
        fraction = ns % 10**9 if nano else ns % 10**9 // 1000
        out.append(
            struct.pack(order + "IIII", ns // 10**9, fraction, len(data), len(data)) + data
        )
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
    "ppp": lambda f: pcap(f, PPP, as_ppp),
    "ppp-serial": lambda f: pcap(f, PPP_SERIAL, as_hdlc),
    "hdlc": lambda f: pcap(f, HDLC, as_hdlc),
    "pppoe": lambda f: pcap(f, PPPOE, as_pppoe),
    "802.11": lambda f: pcap(f, WIFI, as_wifi),
    "802.11-radiotap": lambda f: pcap(f, RADIOTAP, as_wifi_qos),
    "enc": lambda f: pcap(f, ENC, as_enc),
    "pflog": lambda f: pcap(f, PFLOG, as_pflog),
    "nflog": lambda f: pcap(f, NFLOG, as_nflog),
}
