"""How records become chunks and back, and how a place is packed into one integer. Pure: no file, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import lz4.block
import msgspec

from eventlog.contract import LogError, Position, Record, Stored

PARTITIONS_MAX: Final = 256
# A reader decodes whole chunks, so these bound the work of a read of one record.
CHUNK_RECORDS_MAX: Final = 1024
CHUNK_BYTES_MAX: Final = 1024 * 1024

# Records of one moment are much alike: lz4 makes a fifth to a tenth of them in a fraction of the time that writing takes.
COMPRESSED_FROM_BYTES: Final = 1024
COMPRESSED: Final = b"\xc1"  # no MessagePack begins so; then lz4's block with its size
_SIZE: Final = slice(1, 5)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Record])


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """A stored run of records; `first` is the offset of its first one."""

    partition: int
    first: int
    appended_at: int
    body: bytes

    @property
    def size(self) -> int:
        """Bytes of the records, whatever they take in the file."""
        return int.from_bytes(self.body[_SIZE], "little") if self.body[:1] == COMPRESSED else len(self.body)


def encode(records: Sequence[Record]) -> list[tuple[int, bytes]]:
    """(number of records, body) of each chunk that these records fill, in order."""
    if len(records) > CHUNK_RECORDS_MAX:
        return [
            chunk
            for start in range(0, len(records), CHUNK_RECORDS_MAX)
            for chunk in encode(records[start : start + CHUNK_RECORDS_MAX])
        ]
    body = _encoder.encode(records)
    if len(body) > CHUNK_BYTES_MAX and len(records) > 1:
        middle = len(records) // 2
        return encode(records[:middle]) + encode(records[middle:])
    return [(len(records), _compressed(body))]


def _compressed(body: bytes) -> bytes:
    if len(body) < COMPRESSED_FROM_BYTES:
        return body
    smaller = COMPRESSED + lz4.block.compress(body)
    return smaller if len(smaller) < len(body) else body


def decode(chunk: Chunk, generation: int, start: int) -> list[Stored]:
    """The chunk's records from offset `start` on."""
    try:
        body = chunk.body
        records = _decoder.decode(lz4.block.decompress(body[1:]) if body[:1] == COMPRESSED else body)
    except (msgspec.MsgspecError, lz4.block.LZ4BlockError, ValueError, MemoryError) as error:
        place = f"partition {chunk.partition} offset {chunk.first}"
        raise LogError(f"Damaged chunk at {place}: {error}", "Check the disk; restore the log's folder.") from error
    skipped = max(0, start - chunk.first)
    return [
        Stored(Position(generation, chunk.partition, offset), record.key, record.value, chunk.appended_at)
        for offset, record in enumerate(records[skipped:], chunk.first + skipped)
    ]


def cut(records: list[Stored], bytes_max: int) -> list[Stored]:
    """As many of the first records as fit in `bytes_max`."""
    total = 0
    for count, record in enumerate(records):
        total += len(record.key) + len(record.value)
        if total > bytes_max:
            return records[:count]
    return records
