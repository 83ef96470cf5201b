"""Secrets: derived keys, sealed values, API keys. Nothing here keeps state or reads settings."""

import os
import zlib
from hmac import compare_digest, digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tillgate.kit import ids

NONCE_BYTES = 12
KEY_ID_BYTES = 4
KEY_BYTES = 32


def derive(master: str, purpose: str) -> bytes:
    """A 32-byte key for one purpose from the installation's secret (HKDF-SHA256, RFC 5869)."""
    kdf = HKDF(
        algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"tillgate/" + purpose.encode()
    )
    return kdf.derive(master.encode())


def sha256(data: bytes) -> bytes:
    hasher = Hash(SHA256())
    hasher.update(data)
    return hasher.finalize()


def mac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256, 32 bytes."""
    return digest(key, data, "sha256")


def same(a: bytes, b: bytes) -> bool:
    """Whether both are equal, in constant time."""
    return compare_digest(a, b)


class SealBroken(Exception):
    """A sealed value does not open: another key, another place, or tampered."""


class Vault:
    """AES-256-GCM with the value's place as associated data, so that swapped values do not open.

    The first key seals, every key opens: put a new one in front to rotate.
    Layout: 4 bytes of key id (the beginning of the key's SHA-256), 12 of nonce, ciphertext and tag.
    """

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._ciphers = {sha256(key)[:KEY_ID_BYTES]: AESGCM(key) for key in keys}
        self._sealing = sha256(keys[0])[:KEY_ID_BYTES]

    def seal(self, plain: bytes, place: str) -> bytes:
        """`place` names where the value stands: `connections.credentials/<merchant>/<id>`."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._sealing].encrypt(nonce, plain, place.encode())
        return self._sealing + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        cipher = self._ciphers.get(sealed[:KEY_ID_BYTES])
        if cipher is None:
            raise SealBroken(place)
        head = KEY_ID_BYTES + NONCE_BYTES
        nonce, body = sealed[KEY_ID_BYTES:head], sealed[head:]
        try:
            return cipher.decrypt(nonce, body, place.encode())
        except InvalidTag:
            raise SealBroken(place) from None


def mint_key(prefix: str) -> str:
    """An API key: `sk_test_`, 51 characters of chance, 6 of checksum. Only its digest is kept."""
    body = prefix + ids.token()
    return body + _checksum(body)


def well_formed_key(text: str) -> bool:
    """Whether the checksum fits: a mistyped key is known without asking the database."""
    body, checksum = text[:-_CHECKSUM_LENGTH], text[-_CHECKSUM_LENGTH:]
    return bool(body) and _checksum(body) == checksum


_CHECKSUM_LENGTH = 6


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    return "".join(ids.ALPHABET[number >> 5 * i & 31] for i in range(_CHECKSUM_LENGTH))
