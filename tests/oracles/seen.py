"""What a viewer was shown, as a Bloom filter in the plainest Python."""

from __future__ import annotations

from collections.abc import Iterable

PROBES = 7
BITS_PER_ID = 10
WORD = 2**64


def bits(size_bytes: int, post_id: int) -> list[int]:
    """The offsets of the bits that stand for an id: two hashes, and sums of them, scaled to the length."""
    start = _mix(post_id)
    step = _mix(post_id + 0x9FB21C651E98DF25) | 1
    return [(start + nth * step) % WORD * (8 * size_bytes) // WORD for nth in range(PROBES)]


def build(ids: Iterable[int], capacity: int) -> bytes:
    """A filter for so many ids that has these."""
    size_bytes = -(-capacity * BITS_PER_ID // 8)
    ones = {bit for post_id in ids for bit in bits(size_bytes, post_id)}
    return bytes(sum(128 >> bit for bit in range(8) if 8 * byte + bit in ones) for byte in range(size_bytes))


def contains(seen: bytes, post_id: int) -> bool:
    """Whether all bits of the id are set; nothing is in an empty filter."""
    return bool(seen) and all(seen[bit // 8] & 128 >> bit % 8 for bit in bits(len(seen), post_id))


def _mix(word: int) -> int:
    """The finaliser of SplitMix64."""
    word = (word + 0x9E3779B97F4A7C15) % WORD
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB % WORD
    return word ^ word >> 31
