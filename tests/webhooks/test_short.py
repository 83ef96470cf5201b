"""Ids of sixteen letters and digits: short ones are told from long ones, and both are read."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillgate.kit import ids
from tillgate.webhooks.formats import short


def version_7(millis: int, chance: int) -> UUID:
    middle = 0x7 << 12 | chance >> 62
    return UUID(int=millis << 80 | middle << 64 | 0x2 << 62 | chance & (1 << 62) - 1)


minted = st.builds(version_7, st.integers(0, (1 << 48) - 1), st.integers(0, (1 << 74) - 1))


@given(minted)
def test_what_was_made_short_is_shown_short_and_read_again(value: UUID) -> None:
    made = short.shortened(value)
    shown = short.show("pay", made)

    assert re.fullmatch("pay_[A-Za-z0-9]{16}", shown)
    assert short.parse("pay", shown) == made
    assert short.parse("rfnd", shown) is None
    assert short.shortened(made) == made
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == value.int >> 80  # the same millisecond


@given(minted)
def test_any_other_id_stays_long(value: UUID) -> None:
    other = UUID(int=short.shortened(value).int ^ 1)

    assert short.show("order", other) == ids.show("order", other)
    assert short.parse("order", ids.show("order", other)) == other


@given(st.uuids())
def test_whatever_is_shown_is_read(value: UUID) -> None:
    assert short.parse("order", short.show("order", value)) == value


@given(minted, minted)
def test_short_ids_sort_as_they_were_minted(one: UUID, other: UUID) -> None:
    first, second = sorted((short.shortened(one), short.shortened(other)))

    assert short.show("pay", first) <= short.show("pay", second)


def test_short_ids_are_different_ids() -> None:
    assert len({short.shortened(ids.mint()) for _ in range(20_000)}) == 20_000


@given(st.text() | st.from_regex(r"pay_[A-Za-z0-9_.é]{14,18}", fullmatch=True))
def test_garbage_is_no_id_and_what_is_one_has_one_text(text: str) -> None:
    value = short.parse("pay", text)

    assert value is None or text in {short.show("pay", value), ids.show("pay", value)}


@pytest.mark.parametrize(
    "text",
    ["", "pay_", "pay", "_" * 17, "pay_" + "z" * 16, "pay_" + "0" * 15, "pay_" + "-" * 16,
     "0" * 16, "pay_pay_" + "0" * 16, "pay_" + "٣" * 16],
)  # fmt: skip
def test_what_is_no_id(text: str) -> None:
    assert short.parse("pay", text) is None
