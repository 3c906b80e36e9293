"""Seals exports under a key of their own, each part bound to its export and place."""

from __future__ import annotations

from services.sealing.seal import Seal, derive_key


class ExportSeal:
    """AES-256-GCM under a key derived from the key encryption key."""

    def __init__(self, root_key: bytes) -> None:
        self._seal = Seal(derive_key(root_key, b"daira export seal v1"), "place")

    def seal(self, export_id: int, chunk: int, plain: bytes) -> bytes:
        """The part, readable only with our key and in its place."""
        return self._seal.seal(plain, _place(export_id, chunk))

    def open(self, export_id: int, chunk: int, sealed: bytes) -> bytes:
        """The part; ValueError when it was sealed with another key or for another place."""
        return self._seal.open(sealed, _place(export_id, chunk))


def _place(export_id: int, chunk: int) -> bytes:
    return f"{export_id}:{chunk}".encode()
