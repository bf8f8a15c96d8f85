#!/usr/bin/env python3
"""Databases in the MaxMind DB format 2.0 for tests, with documentation addresses.

usage: mmdb.py FOLDER   write the test databases there
"""
import ipaddress
import pathlib
import struct
import sys

MARKER = b"\xab\xcd\xefMaxMind.com"
POINTER, STRING, DOUBLE, BYTES, UINT16, UINT32, MAP = range(1, 8)
UINT64, ARRAY, BOOLEAN = 9, 11, 14


class Number(int):
    """An integer of a kind of the format's own; a plain int is an uint32."""

    def __new__(cls, value, kind):
        number = super().__new__(cls, value)
        number.kind = kind
        return number


def control(kind, size):
    """The control byte or bytes of a field."""
    first, extended = (kind << 5, b"") if kind <= 7 else (0, bytes([kind - 7]))
    if size < 29:
        return bytes([first | size]) + extended
    if size < 285:
        return bytes([first | 29]) + extended + bytes([size - 29])
    return bytes([first | 30]) + extended + struct.pack(">H", size - 285)


def encode(value):
    """A field of the data section."""
    if isinstance(value, bool):
        return control(BOOLEAN, int(value))
    if isinstance(value, str):
        data = value.encode()
        return control(STRING, len(data)) + data
    if isinstance(value, bytes):
        return control(BYTES, len(value)) + value
    if isinstance(value, int):
        data = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return control(getattr(value, "kind", UINT32), len(data)) + data
    if isinstance(value, list):
        return control(ARRAY, len(value)) + b"".join(map(encode, value))
    return control(MAP, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())


class Writer:
    """A search tree of networks, and what is known of them."""

    def __init__(self, kind, ip_version=6, record_size=28):
        self.kind, self.ip_version, self.record_size = kind, ip_version, record_size
        self.nodes = [[None, None]]  # each side: None, the number of a node, or ("data", offset)
        self.data, self.offsets = b"", {}

    def bits(self, network):
        """The path of a network from the root: IPv4 is at ::/96 in a tree of IPv6."""
        network = ipaddress.ip_network(network)
        text = f"{int(network.network_address):0{network.max_prefixlen}b}"[: network.prefixlen]
        return "0" * 96 + text if self.ip_version == 6 and network.version == 4 else text

    def reach(self, bits):
        """The node at the end of the path, made if it is not there."""
        node = 0
        for bit in map(int, bits):
            if self.nodes[node][bit] is None:
                self.nodes.append([None, None])
                self.nodes[node][bit] = len(self.nodes) - 1
            node = self.nodes[node][bit]
        return node

    def add(self, network, value):
        field = encode(value)
        if field not in self.offsets:  # networks share what is known of them alike
            self.offsets[field] = len(self.data)
            self.data += field
        bits = self.bits(network)
        self.nodes[self.reach(bits[:-1])][int(bits[-1])] = ("data", self.offsets[field])

    def alias(self, network):
        """An IPv6 network that holds the addresses of IPv4, as ::ffff:0:0/96 and 2002::/16 do."""
        bits = self.bits(network)
        self.nodes[self.reach(bits[:-1])][int(bits[-1])] = self.reach("0" * 96)

    def record(self, side):
        if side is None:
            return len(self.nodes)
        return side if isinstance(side, int) else len(self.nodes) + 16 + side[1]

    def node(self, left, right):
        if self.record_size == 28:
            middle = (left >> 24) << 4 | right >> 24
            return (
                (left & 0xFFFFFF).to_bytes(3, "big")
                + bytes([middle])
                + (right & 0xFFFFFF).to_bytes(3, "big")
            )
        size = self.record_size // 8
        return left.to_bytes(size, "big") + right.to_bytes(size, "big")

    def bytes(self):
        tree = b"".join(self.node(*map(self.record, sides)) for sides in self.nodes)
        metadata = {
            "node_count": len(self.nodes),
            "record_size": Number(self.record_size, UINT16),
            "ip_version": Number(self.ip_version, UINT16),
            "database_type": self.kind,
            "languages": ["en"],
            "binary_format_major_version": Number(2, UINT16),
            "binary_format_minor_version": Number(0, UINT16),
            "build_epoch": Number(1790000000, UINT64),
            "description": {"en": "for tests"},
        }
        return tree + b"\0" * 16 + self.data + MARKER + encode(metadata)


def country(code):
    return {
        "continent": {"code": "XX"},
        "country": {"geoname_id": 1, "iso_code": code, "names": {"en": "Country " + code}},
    }


def system(number, name):
    return {"autonomous_system_number": number, "autonomous_system_organization": name}


COUNTRIES = {
    "198.51.100.0/25": country("NL"),
    "198.51.100.128/25": country("DE"),
    "192.0.2.0/24": {"registered_country": {"iso_code": "FR"}},
    "203.0.113.7/32": {"country": {"iso_code": "nowhere"}},
    "203.0.113.8/32": {"country": {"iso_code": 7}},
    "203.0.113.9/32": "no map at all",
}
COUNTRIES_V6 = {"2001:db8:7::/48": country("SE"), "2001:db8:8::1/128": country("NO")}
SYSTEMS = {
    "198.51.100.0/24": system(64500, "Example Hosting"),
    "192.0.2.0/24": system(64501, 'Zürich "Net"\x1b[31m\n'),
    "203.0.113.0/24": system(4200000000, "long " * 100),
}
SYSTEMS_V6 = {"2001:db8::/32": system(64502, "Example Six")}


def database(kind, entries, ip_version=6, record_size=28, aliases=()):
    writer = Writer(kind, ip_version, record_size)
    for network, value in entries.items():
        writer.add(network, value)
    for network in aliases:
        writer.alias(network)
    return writer.bytes()


def databases():
    """Name: contents."""
    out = {}
    for size in (24, 28, 32):
        out[f"country-{size}"] = database(
            "GeoLite2-Country", COUNTRIES | COUNTRIES_V6, 6, size, ("::ffff:0:0/96", "2002::/16")
        )
        out[f"asn-{size}"] = database(
            "DBIP-ASN-Lite (compat=GeoLite2-ASN)", SYSTEMS | SYSTEMS_V6, 6, size
        )
        out[f"country-v4-{size}"] = database("GeoLite2-Country", COUNTRIES, 4, size)
    return out | {"other": database("GeoIP2-Connection-Type", {"192.0.2.0/24": "x"})}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in databases().items():
        (folder / f"{name}.mmdb").write_bytes(data)


if __name__ == "__main__":
    main()
