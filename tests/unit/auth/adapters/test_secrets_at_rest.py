"""What is stored of tokens and keys is worth nothing without their counterpart."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime

import pytest

from services.auth.adapters.refresh_token_mint import RefreshTokenMint
from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.domain.session import looks_like_refresh_token
from services.sealing.key_encryption import (
    KeyEncryptionKeys,
    WrongKeyEncryptionKeyError,
    decode_key_encryption_key,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_only_the_predecessor_opens_its_successor() -> None:
    mint = RefreshTokenMint()
    token, successor = mint.new(), mint.new()
    assert looks_like_refresh_token(token)
    assert token != successor
    sealed = mint.seal(token, successor)
    assert mint.unseal(token, sealed) == successor
    assert successor.encode() not in sealed
    assert token.encode() not in mint.hash(token)
    altered = bytes([*sealed[:-1], sealed[-1] ^ 1])
    for wrong_token, wrong_sealed in ((mint.new(), sealed), (token, altered), (token, b""), (token, sealed[:10])):
        with pytest.raises(ValueError, match=r"seal|Nonce"):
            mint.unseal(wrong_token, wrong_sealed)


def test_a_private_key_opens_with_the_same_key_and_kid_only() -> None:
    box = SigningKeyBox(secrets.token_bytes(32))
    key = box.new(NOW)
    sealed = box.seal(key)
    assert key.private not in sealed
    assert box.open(key.kid, key.public, sealed, NOW) == key
    with pytest.raises(WrongKeyEncryptionKeyError, match="another root key"):
        SigningKeyBox(secrets.token_bytes(32)).open(key.kid, key.public, sealed, NOW)
    with pytest.raises(WrongKeyEncryptionKeyError):
        box.open("another", key.public, sealed, NOW)
    with pytest.raises(WrongKeyEncryptionKeyError, match="altered"):
        box.open(key.kid, box.new(NOW).public, sealed, NOW)


def test_the_root_key_opens_under_todays_key_and_the_one_before() -> None:
    root, old, new = (secrets.token_bytes(32) for _ in range(3))
    sealed = KeyEncryptionKeys("auth", old).seal(root)
    assert root not in sealed
    assert KeyEncryptionKeys("auth", old).open(sealed) == (root, True)
    assert KeyEncryptionKeys("auth", new, old).open(sealed) == (root, False)
    with pytest.raises(WrongKeyEncryptionKeyError, match="AUTH_KEY_ENCRYPTION_KEY"):
        KeyEncryptionKeys("auth", new).open(sealed)
    with pytest.raises(WrongKeyEncryptionKeyError):
        KeyEncryptionKeys("auth", old).open(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    assert root.hex() not in repr(KeyEncryptionKeys("auth", root, old))


@pytest.mark.parametrize("padding", ["", "="])
def test_the_key_encryption_key_is_32_bytes_of_base64url(padding: str) -> None:
    key = secrets.token_bytes(32)
    text = base64.urlsafe_b64encode(key).rstrip(b"=") + padding.encode()
    assert decode_key_encryption_key(text) == key


@pytest.mark.parametrize("text", [b"", b"short", b"x" * 44 + b"yyyy", b"\xff" * 43])
def test_other_texts_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode_key_encryption_key(text)
