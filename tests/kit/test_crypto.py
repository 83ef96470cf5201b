"""Sealed values open where they were sealed and nowhere else; keys tell mistyped ones apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillgate.kit import crypto
from tillgate.kit.crypto import SealBroken, Vault

OLD, NEW = crypto.derive("old", "vault"), crypto.derive("new", "vault")


@given(st.binary(max_size=200), st.text(max_size=50))
def test_what_is_sealed_opens(plain: bytes, place: str) -> None:
    sealed = Vault((NEW,)).seal(plain, place)
    assert Vault((NEW,)).open(sealed, place) == plain


def test_a_former_key_still_opens_and_the_first_seals() -> None:
    sealed = Vault((OLD,)).seal(b"x", "here")
    rotated = Vault((NEW, OLD))
    assert rotated.open(sealed, "here") == b"x"
    with pytest.raises(SealBroken):
        Vault((OLD,)).open(rotated.seal(b"x", "here"), "here")


def test_another_place_or_a_changed_byte_does_not_open() -> None:
    vault = Vault((NEW,))
    sealed = vault.seal(b"secret", "here")
    with pytest.raises(SealBroken):
        vault.open(sealed, "there")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            vault.open(bytes(changed), "here")
    with pytest.raises(SealBroken):
        vault.open(b"", "here")


def test_keys_for_different_purposes_differ() -> None:
    assert crypto.derive("s", "a") != crypto.derive("s", "b")


def test_a_mistyped_key_is_known() -> None:
    key = crypto.mint_key("sk_test_")
    assert crypto.well_formed_key(key)
    for place in range(len(key)):
        changed = key[:place] + ("0" if key[place] != "0" else "1") + key[place + 1 :]
        assert not crypto.well_formed_key(changed)
    assert not crypto.well_formed_key("")
    assert not crypto.well_formed_key(key[:-1])
