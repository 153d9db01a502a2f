"""Laws of chunks, and the partition function pinned: a key must never move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.contract import LogError, Position, Record
from eventlog.embedded.chunks import (
    CHUNK_BYTES_MAX,
    CHUNK_RECORDS_MAX,
    COMPRESSED,
    Chunk,
    cut,
    decode,
    encode,
)
from eventlog.places import partition_of

VALUES = st.binary(max_size=9) | st.binary(max_size=9).map(lambda value: value * 500)
RECORDS = st.lists(st.builds(Record, st.binary(max_size=9), VALUES), min_size=1, max_size=20)


@given(RECORDS, st.integers(0, 1 << 40), st.integers(0, 25))
def test_decoding_gives_back_what_was_encoded_from_any_place(records: list[Record], first: int, skipped: int) -> None:
    ((count, body),) = encode(records)
    assert count == len(records)
    found = decode(Chunk(2, first, 77, body), 5, first + skipped)
    assert [(r.position, r.key, r.value, r.appended_at) for r in found] == [
        (Position(5, 2, first + n), record.key, record.value, 77) for n, record in enumerate(records) if n >= skipped
    ]


@pytest.mark.parametrize(("count", "size"), [(CHUNK_RECORDS_MAX * 2 + 1, 1), (100, 60_000), (3, CHUNK_BYTES_MAX + 1)])
def test_chunks_are_bounded_and_keep_the_order(count: int, size: int) -> None:
    records = [Record(b"%d" % n, bytes(size)) for n in range(count)]
    chunks = encode(records)
    for records_in, body in chunks:
        assert records_in <= CHUNK_RECORDS_MAX
        assert records_in == 1 or len(body) <= CHUNK_BYTES_MAX
    keys = [stored.key for _, body in chunks for stored in decode(Chunk(0, 0, 0, body), 1, 0)]
    assert keys == [record.key for record in records]


@given(RECORDS, st.integers(0, 100))
def test_cutting_takes_the_longest_start_that_fits(records: list[Record], bytes_max: int) -> None:
    stored = decode(Chunk(0, 0, 0, encode(records)[0][1]), 1, 0)
    sizes = [len(record.key) + len(record.value) for record in stored]
    count = len(cut(stored, bytes_max))
    assert sum(sizes[:count]) <= bytes_max or count == 0
    assert count == len(sizes) or sum(sizes[: count + 1]) > bytes_max


def test_what_is_alike_takes_little_and_counts_in_full() -> None:
    ((_, body),) = encode([Record(b"%d" % n, b'{"type":"page","url":"https://shop.example/"}') for n in range(100)])
    assert body[:1] == COMPRESSED
    chunk = Chunk(0, 0, 0, body)
    assert chunk.size > 4_000
    assert chunk.size > 5 * len(body)
    ((_, short),) = encode([Record(b"k", b"v")])
    assert short[:1] != COMPRESSED
    assert Chunk(0, 0, 0, short).size == len(short)


@pytest.mark.parametrize(
    "body", [b"\xc1", b"\xc1\xff\xff\xff\xff1", encode([Record(b"k", bytes(2_000))])[0][1][:-1], b"\x91"]
)
def test_damage_is_named(body: bytes) -> None:
    with pytest.raises(LogError, match="partition 3 offset 9"):
        decode(Chunk(3, 9, 0, body), 1, 0)


def test_keys_never_move() -> None:
    """CRC-32 of the key: these values are those of any other implementation (`crc32` on the command line)."""
    assert [partition_of(key, 256) for key in (b"", b"a", b"site\x1fvisitor", b"123456789")] == [0, 67, 185, 38]
    assert partition_of(b"123456789", 1 << 32) == 0xCBF43926
