"""A merchant's colour can always be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillgate.checkout.rules import CONTRAST_MIN, DARK_TEXT, LIGHT_TEXT, brand, contrast

colors = st.integers(min_value=0, max_value=0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(color=colors)
def test_text_on_any_colour_can_be_read(color: str) -> None:
    made = brand(color)
    assert made is not None
    assert contrast(made.fill, made.text) >= CONTRAST_MIN


@pytest.mark.parametrize(
    ("color", "fill", "text"),
    [
        ("#1f5eff", "#1f5eff", LIGHT_TEXT),
        ("#FFD400", "#ffd400", DARK_TEXT),
        ("#000", "#000000", LIGHT_TEXT),
        ("#fff", "#ffffff", DARK_TEXT),
    ],
)
def test_a_colour_that_can_be_read_is_kept(color: str, fill: str, text: str) -> None:
    assert brand(color) == (fill, text)


def test_a_colour_between_light_and_dark_is_darkened() -> None:
    made = brand("#7a7a7a")
    assert made is not None
    assert made.text == LIGHT_TEXT
    assert contrast("#000000", made.fill) < contrast("#000000", "#7a7a7a")


def test_contrast_is_wcags() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
