"""Paging: forwards and backwards through a list, whatever the limit, nothing is lost or doubled."""

from functools import partial
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillgate.kit import ids, pages
from tillgate.kit.pages import Page
from tillgate.kit.refusal import Refused

read_id = partial(ids.parse, "row")


def read(rows: list[int], page: Page) -> tuple[list[int], bool]:
    """What a list's two statements do, over numbers in place of rows."""
    if page.newer:
        found = sorted(row for row in rows if row > page.cursor.int)
    else:
        found = sorted((row for row in rows if row < page.cursor.int), reverse=True)
    return page.cut(found[: page.fetch])


def parsed(limit: int, after: int | None = None, before: int | None = None) -> Page:
    after_text = None if after is None else ids.show("row", UUID(int=after))
    before_text = None if before is None else ids.show("row", UUID(int=before))
    page = pages.parse(limit, after_text, before_text, read_id)
    assert isinstance(page, Page)
    return page


@given(st.sets(st.integers(0, 1 << 127), max_size=30), st.integers(1, 7))
def test_walking_down_and_up_shows_every_row_once(numbers: set[int], limit: int) -> None:
    rows, down = list(numbers), list[int]()
    shown, more = read(rows, parsed(limit))
    while True:
        assert len(shown) == limit or not more
        down += shown
        if not more:
            break
        shown, more = read(rows, parsed(limit, after=down[-1]))
    assert down == sorted(rows, reverse=True)

    if down:
        up, more = [down[-1]], True
        while more:
            shown, more = read(rows, parsed(limit, before=up[0]))
            up = shown + up
        assert up == down
        assert all(a > b for a, b in pairwise(up))


@pytest.mark.parametrize(
    ("limit", "after", "before", "param"),
    [
        (0, None, None, "limit"),
        (101, None, None, "limit"),
        (10, "row_1", None, "starting_after"),
        (10, None, "pay_01jd0000000000000000000000", "ending_before"),
        (10, "row_01jd0000000000000000000000", "row_01jd0000000000000000000000", "ending_before"),
    ],
)
def test_a_bad_page_is_refused_by_name(
    limit: int, after: str | None, before: str | None, param: str
) -> None:
    refused = pages.parse(limit, after, before, read_id)

    assert isinstance(refused, Refused)
    assert (refused.code, refused.param) == ("parameter_invalid", param)
