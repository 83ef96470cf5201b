"""Ids: shown and read back, in the order of time, and nothing else taken for one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillgate.kit import ids


@given(st.integers(0, 2**128 - 1))
def test_what_is_shown_reads_back(number: int) -> None:
    shown = ids.show("pay", UUID(int=number))
    assert len(shown) == len("pay_") + ids.LENGTH
    assert ids.parse("pay", shown) == UUID(int=number)


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_text_sorts_as_the_number(one: int, two: int) -> None:
    shown = ids.show("x", UUID(int=one)), ids.show("x", UUID(int=two))
    assert (shown[0] < shown[1]) == (one < two)


@pytest.mark.parametrize(
    "text",
    ["", "pay", "pay_", "pay_" + "0" * 25, "pay_" + "0" * 27, "evt_" + "0" * 26,
     "pay_" + "u" * 26, "pay_" + "Z" * 26, "pay_" + "z" * 26, "pay_" + "é" * 26],
)  # fmt: skip
def test_nothing_else_is_an_id(text: str) -> None:
    assert ids.parse("pay", text) is None


def test_minted_ids_are_version_7_and_differ() -> None:
    minted = [ids.mint() for _ in range(1000)]
    assert len(set(minted)) == 1000
    assert {value.version for value in minted} == {7}
    assert sorted(m.int >> 80 for m in minted) == [m.int >> 80 for m in minted]


def test_a_series_is_the_same_each_time() -> None:
    first = ids.mint()
    one, two = ids.series(first), ids.series(first)
    drawn = [next(one) for _ in range(5)]
    assert drawn == [next(two) for _ in range(5)]
    assert first not in drawn
