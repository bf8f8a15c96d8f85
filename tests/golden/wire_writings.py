"""What the wire may do to a dialogue, and what somebody may add who does not want it understood.

Each writing takes segments, and a seeded random generator, and returns segments or frames with
their times. What it adds, no server would act on.
"""
from pcapgen import ACK, FIN, PSH, RST, SYN

WRITINGS = []
SHORT = 200  # bytes: what is longer is a body


def writing(function):
    WRITINGS.append(function)
    return function


def for_each(name, change, when=lambda s: s.has_data):
    """The writing that puts change(segment) in the place of each that fits."""

    def rewrite(segments, _):
        return [out for s in segments for out in (change(s) if when(s) else [s])]

    rewrite.__name__ = name
    return writing(rewrite)


def line(s):
    return s.has_data and len(s.payload) < SHORT


def junk(s, **changes):
    return s.but(payload=b"X" * (len(s.payload) - 2) + b"\r\n", flags=s.flags & ~FIN).but(**changes)


STAMP = b"\x01\x01\x08\x0a"  # NOP, NOP, timestamps (RFC 7323)


def stamp(s):
    assert s.options[:4] == STAMP
    return int.from_bytes(s.options[4:8], "big")


def decoy(name, when=line, **changes):
    """Each line comes after a forged one that its peer drops."""
    for_each(f"decoys_{name}", lambda s: [junk(s, **changes), s], when)


def false(name, **changes):
    """Before each segment with data comes an empty one that its peer drops."""
    for_each(f"false_{name}", lambda s: [s.but(payload=b"", **changes), s])


# Order, time and loss.


@writing
def pieces_backwards(segments, _):
    return [
        p
        for s in segments
        for p in (s.cut(range(7, len(s.payload), 7))[::-1] if s.has_data else [s])
    ]


@writing
def pieces_shuffled_with_copies(segments, rng):
    found = []
    for s in segments:
        pieces = s.cut(range(7, len(s.payload), 7)) if s.has_data else [s]
        pieces += rng.sample(pieces, len(pieces) // 2)
        rng.shuffle(pieces)
        found += pieces
    return found


def shifted(segments, chosen, ns):
    return sorted((s.but(ns=s.ns + ns) if chosen(s) else s for s in segments), key=lambda s: s.ns)


@writing
def client_300_ms_late(segments, _):
    return shifted(segments, lambda s: s.from_client, 300_000_000)


@writing
def server_300_ms_late(segments, _):
    return shifted(segments, lambda s: not s.from_client, 300_000_000)


@writing
def some_come_by_retransmission_only(segments, rng):
    return shifted(segments, lambda s: s.has_data and rng.random() < 0.05, 250_000_000)


@writing
def without_half_of_the_handshakes(segments, rng):
    return [s for s in segments if not s.flags & SYN or rng.random() < 0.5]


@writing
def all_again_two_seconds_later(segments, _):
    again = [s.but(ns=s.ns + 2_000_000_000) for s in segments]
    return sorted([*segments, *again], key=lambda s: s.ns)


@writing
def without_pure_acks(segments, _):
    return [s for s in segments if s.payload or s.flags & (SYN | FIN | RST)]


@writing
def without_ends(segments, _):
    return [s for s in segments if not s.flags & (FIN | RST)]


@writing
def handshakes_after_the_first_data(segments, _):
    found, late = [], {}
    for s in segments:
        if s.flags & SYN:
            late.setdefault(s.connection, []).append(s)
            continue
        found.append(s)
        if s.has_data:
            found += [h.but(ns=s.ns) for h in late.pop(s.connection, [])]
    return found


@writing
def a_clock_an_hour_back_for_a_while(segments, _):
    third = len(segments) // 3
    return [
        s.but(ns=s.ns - 3600 * 10**9 * (third < i < 2 * third)) for i, s in enumerate(segments)
    ]


@writing
def some_stamps_a_year_ahead(segments, _):
    """Alone, and twenty in a row."""
    year, middle = 365 * 86400 * 10**9, len(segments) // 2
    return [
        s.but(ns=s.ns + year * (i % 100 == 7 or middle <= i < middle + 20))
        for i, s in enumerate(segments)
    ]


@writing
def all_at_one_time(segments, _):
    return [s.but(ns=segments[0].ns) for s in segments]


# Sequence numbers, options, what an operating system does.


def numbered_from(name, first):
    def rewrite(segments, _):
        base, found = {}, []
        for s in segments:
            mine, other = (s.connection, s.from_client), (s.connection, not s.from_client)
            acks = s.flags & ACK
            base.setdefault(mine, first - s.seq)
            if acks:
                base.setdefault(other, first - s.ack)
            found.append(
                s.but(
                    seq=(s.seq + base[mine]) & 0xFFFFFFFF,
                    ack=(s.ack + base[other]) & 0xFFFFFFFF if acks else 0,
                )
            )
        return found

    rewrite.__name__ = name
    return writing(rewrite)


numbered_from("numbers_that_wrap", 2**32 - 60)
numbered_from("numbers_that_wrap_at_once", 2**32 - 1)
numbered_from("numbers_over_the_sign", 2**31 - 60)


@writing
def first_bytes_with_the_syn(segments, _):
    """TCP fast open, accepted."""
    first, found = {}, []
    for s in segments:
        if s.has_data and s.from_client:
            first.setdefault(s.connection, s)
    for s in segments:
        early = first.get(s.connection)
        if early and s.flags & SYN:
            more = (
                {"ack": s.ack + len(early.payload)}
                if s.flags & ACK
                else {"payload": early.payload, "options": s.options + b"\x22\x0a" + bytes(10)}
            )
            s = s.but(**more)
        if s is not early:
            found.append(s)
    return found


for_each(
    "junk_with_the_syn",
    lambda s: [s.but(payload=b"EHLO junk.example\r\n")],
    lambda s: s.flags & (SYN | ACK) == SYN,
)
for_each(
    "keep_alives",
    lambda s: [
        s,
        s.but(seq=s.end - 1, payload=b"", flags=ACK),
        s.but(seq=s.end - 1, payload=b"\0", flags=ACK),
        s.answer(),
    ],
    lambda s: s.has_data and not s.flags & FIN,
)
for_each(
    "closed_windows",
    lambda s: [
        s.answer(ack=s.seq, window=b"\0\0"),
        s.but(payload=s.payload[:1], flags=ACK),
        s.answer(ack=s.seq + 1),
        s,
    ],
    lambda s: s.has_data and not s.flags & FIN,
)
for_each("reserved_bits_and_ecn", lambda s: [s.but(reserved=14, flags=s.flags | 0xC0)])
for_each("no_options", lambda s: [s.but(options=b"")], lambda s: True)
for_each("many_options", lambda s: [s.but(options=b"\1" * 40)], lambda s: True)

# Overlaps, decoys and forgeries.

for_each(
    "overlaps_to_the_left",
    lambda s: [
        p.but(
            seq=p.seq - min(p.seq - s.seq, 4),
            payload=s.payload[max(p.seq - s.seq - 4, 0) : p.seq - s.seq + len(p.payload)],
        )
        for p in s.cut(range(6, len(s.payload), 6))
    ],
)
for_each(
    "overlaps_to_the_right",
    lambda s: [
        p.but(payload=s.payload[p.seq - s.seq : p.seq - s.seq + len(p.payload) + 5])
        for p in s.cut(range(6, len(s.payload), 6))
    ],
)
for_each(
    "copies_that_grow",
    lambda s: [
        s.but(payload=s.payload[:n], flags=s.flags if n == len(s.payload) else s.flags & ~FIN)
        for n in sorted({1, len(s.payload) // 2 or 1, len(s.payload)})
    ],
)
for_each(
    "another_copy_after",
    lambda s: [s.but(flags=s.flags & ~FIN), junk(s)],
    lambda s: line(s) and s.from_client,
)
decoy("with_a_wrong_checksum", wrong_sum=0x5A5A)
decoy("that_end_on_the_way", hops=3)
decoy("that_are_signed", options=b"\x13\x12" + bytes(18))
decoy("without_ack", flags=PSH)
decoy("far_ahead", seq=0x20000000)
for_each(
    "decoys_that_acknowledge_too_much",
    lambda s: [junk(s, ack=s.ack + 5000), s],
    lambda s: line(s) and s.from_client,
)
for_each(
    "decoys_that_acknowledge_the_past",
    lambda s: [junk(s, ack=s.ack - 100000), s],
    lambda s: line(s) and s.from_client,
)


def stamped(s, value):
    return s.but(options=STAMP + value.to_bytes(4, "big") + s.options[8:])


def without_stamp(s):
    at = s.options.find(STAMP[2:])
    return s.but(options=s.options[:at] + bytes([1] * 10) + s.options[at + 10 :])


@writing
def old_timestamps_and_covers_where_no_syn_had_one(segments, _):
    """No PAWS then: the true line with an old timestamp is taken, another copy comes after it."""
    found = []
    for s in segments:
        s = without_stamp(s) if s.flags & SYN else s
        true = line(s) and s.from_client
        found += [stamped(s, stamp(s) - 100_000), junk(s)] if true else [s]
    return found


@writing
def timestamps_a_tick_old_and_covers(segments, _):
    """Linux takes what is one older than the newest; another copy comes after it."""
    newest, found = {}, []
    for s in segments:
        if s.from_client and not s.flags & (SYN | RST):
            now = newest.setdefault(s.connection, stamp(s))
            s = stamped(s, now)
            if line(s):
                found.append(stamped(s, now - 1))
                s = junk(s)
        found.append(s)
    return found


for_each(
    "decoys_of_one_hop_where_the_true_ones_have_four",
    lambda s: [junk(s, hops=1), s.but(hops=4)],
    lambda s: line(s) and s.from_client,
)


def before_the_first(name, change):
    """change(line of the client, the same acknowledging the server's SYN not) in its place."""

    def rewrite(segments, _):
        first = {s.connection: s.seq for s in segments if s.flags & (SYN | ACK) == SYN | ACK}
        return [
            out
            for s in segments
            for out in (
                change(s, s.but(ack=first[s.connection])) if line(s) and s.from_client else [s]
            )
        ]

    rewrite.__name__ = name
    return writing(rewrite)


before_the_first("lines_that_acknowledge_no_syn", lambda _, early: [early])
before_the_first(
    "lines_that_acknowledge_no_syn_after_decoys_of_two_hops",
    lambda s, early: [junk(s, hops=2), early],
)


@writing
def true_ones_with_few_hops_left(segments, rng):
    """The way to the peer grew for a while: its acknowledgement tells them from decoys."""
    return [s.but(hops=4) if s.has_data and rng.random() < 0.1 else s for s in segments]


@writing
def a_client_with_few_hops_left_from_its_fifth_segment_on(segments, _):
    found, count = [], {}
    for s in segments:
        count[s.connection] = count.get(s.connection, 0) + s.from_client
        few = s.from_client and count[s.connection] >= 5
        found.append(s.but(hops=5) if few else s)
    return found


false("rst_with_a_wrong_checksum", flags=RST, wrong_sum=0x1111)
false("rst_that_ends_on_the_way", flags=RST, hops=2)
false("fin_that_ends_on_the_way", flags=FIN | ACK, hops=2)
for_each("false_rst_ahead", lambda s: [s.but(payload=b"", flags=RST, seq=s.seq + 1000), s])
for_each("false_rst_behind", lambda s: [s.but(payload=b"", flags=RST, seq=s.seq - 1), s])
for_each(
    "false_syn_while_open",
    lambda s: [s.but(payload=b"", flags=SYN, seq=s.seq + 12345, ack=0), s],
    lambda s: s.has_data and s.from_client,
)
for_each(
    "false_syn_that_ends_on_the_way",
    lambda s: [s.but(seq=s.seq + 999999, hops=2), s],
    lambda s: s.flags & SYN,
)
for_each(
    "false_syn_ack_to_another_syn",
    lambda s: [s.but(seq=s.seq + 999999, ack=s.ack + 7), s],
    lambda s: s.flags & (SYN | ACK) == SYN | ACK,
)
for_each(
    "false_syn_ack_of_another_number",
    lambda s: [s.but(seq=s.seq + 999999), s],
    lambda s: s.flags & (SYN | ACK) == SYN | ACK,
)

# Fragments.


def fragmented(name, size, order=lambda pieces, rng: pieces, overlap=0, when=lambda s: s.has_data):
    def rewrite(segments, rng):
        found = []
        for ident, s in enumerate(segments, 1):
            found += order(s.fragments(size, ident, overlap), rng) if when(s) else [s]
        return found

    rewrite.__name__ = name
    return writing(rewrite)


fragmented("fragments_of_8", 8, when=lambda s: True)
fragmented("fragments_backwards", 24, lambda pieces, _: pieces[::-1])
fragmented("fragments_shuffled", 16, lambda pieces, rng: rng.sample(pieces, len(pieces)))
fragmented("fragments_twice", 24, lambda pieces, _: [p for p in pieces for _ in range(2)])
fragmented("fragments_that_overlap", 24, overlap=8)


def spoiled(pieces, at):
    """A copy of the third piece, in another wording, goes before (0) or after (1) it."""
    if len(pieces) < 3:
        return pieces
    ns, frame = pieces[2]
    other = (ns, frame[:-1] + bytes([frame[-1] ^ 0x55]))
    return pieces[: 2 + at] + [other] + pieces[2 + at :]


fragmented("fragments_and_another_wording_before", 24, lambda pieces, _: spoiled(pieces, 0))
fragmented("fragments_and_another_wording_after", 24, lambda pieces, _: spoiled(pieces, 1))

# IPv6 alone; the others stay as they are.

OPTION = b"\0" + bytes([1, 4, 0, 0, 0, 0])
for_each(
    "v6_extensions",
    lambda s: [
        s.but(extensions=((0, OPTION), (60, OPTION), (43, bytes(7)), (135, OPTION), (140, OPTION)))
    ],
    lambda s: not s.v4,
)
fragmented("v6_fragments_after_options", 32, when=lambda s: not s.v4 and s.has_data)


def other_ports(segments, _):
    """Each connection, one after the other, from one port; not one of WRITINGS, since attempts
    tell their port."""
    connections, found = {}, []
    for s in segments:
        connections.setdefault(s.connection, []).append(s)
    now = segments[0].ns
    for connection in connections.values():
        later = now - connection[0].ns
        for s in connection:
            port = {"sport": 40000} if s.from_client else {"dport": 40000}
            found.append(s.but(ns=s.ns + later, **port))
        now = found[-1].ns + 50_000_000
    return found
