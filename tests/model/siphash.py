"""ClickHouse's `sipHash64` of several arguments in plain Python: SipHash-2-4 with a zero key, combined pair by pair."""

from __future__ import annotations

MASK = (1 << 64) - 1


def _rotl(x: int, bits: int) -> int:
    return ((x << bits) | (x >> (64 - bits))) & MASK


def _round(v: list[int]) -> None:
    v[0] = (v[0] + v[1]) & MASK
    v[1] = _rotl(v[1], 13) ^ v[0]
    v[0] = _rotl(v[0], 32)
    v[2] = (v[2] + v[3]) & MASK
    v[3] = _rotl(v[3], 16) ^ v[2]
    v[0] = (v[0] + v[3]) & MASK
    v[3] = _rotl(v[3], 21) ^ v[0]
    v[2] = (v[2] + v[1]) & MASK
    v[1] = _rotl(v[1], 17) ^ v[2]
    v[2] = _rotl(v[2], 32)


def sip(data: bytes) -> int:
    """SipHash-2-4 of bytes."""
    v = [0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573]
    tail = len(data) % 8
    last = (len(data) << 56 & MASK) | int.from_bytes(data[len(data) - tail :], "little")
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data) - tail, 8)]
    for word in [*words, last]:
        v[3] ^= word
        _round(v)
        _round(v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(4):
        _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def sip_hash64(*values: str | int) -> int:
    """`sipHash64(a, b, …)`; integers are Int64."""
    hashes = [sip(v.encode() if isinstance(v, str) else v.to_bytes(8, "little", signed=True)) for v in values]
    combined = hashes[0]
    for one in hashes[1:]:
        combined = sip(combined.to_bytes(8, "little") + one.to_bytes(8, "little"))
    return combined
