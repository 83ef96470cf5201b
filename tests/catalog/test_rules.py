"""Slugs that URLs can hold, whatever a title is; keys that nobody guesses."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tillgate.catalog import rules


@given(st.text(max_size=300))
def test_a_slug_of_any_title_is_one(title: str) -> None:
    slug = rules.slug_of(title)
    if slug is None:
        return
    assert re.search(rules.SLUG, slug)
    assert len(slug) <= rules.SLUG_MAX_CHARACTERS
    assert rules.slug_of(slug) == slug


@given(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), st.text("-_ ./!", max_size=5))
def test_what_has_a_letter_has_a_slug(letters: str, around: str) -> None:
    assert rules.slug_of(around + letters + around) == letters


def test_slugs_look_like_their_titles() -> None:
    assert rules.slug_of("Premium Credits") == "premium-credits"
    assert rules.slug_of("  Crème brûlée — 2 for 1! ") == "creme-brulee-2-for-1"
    assert rules.slug_of("信用") is None
    assert rules.slug_of("a" * 99 + " b") == "a" * 99


@given(st.binary(min_size=rules.KEY_BYTES, max_size=rules.KEY_BYTES))
def test_every_key_is_well_formed(chance: bytes) -> None:
    key = rules.key_of(chance)
    assert rules.well_formed(key)
    assert (len(key), key[:9]) == (41, "provider_")
    assert rules.hint_of(key) == f"provider_…{key[-4:]}"
    for other in (key[:-1], key + "A", key + "\n", key.upper(), " " + key, key[:-1] + "="):
        assert not rules.well_formed(other)


@given(st.text(max_size=60))
def test_anything_else_is_no_key(text: str) -> None:
    assert not rules.well_formed(text)
