"""The visual system's colours can be read on each other, in light and in dark."""

import re
from pathlib import Path

import pytest

from tillgate.checkout.rules import CONTRAST_MIN, contrast

TOKENS = Path(__file__).parents[2] / "browser" / "src" / "tokens.css"
GRAPHIC_MIN = 3.0
"""WCAG 2.2, success criterion 1.4.11: icons and bars against what is behind them."""

STATES = ("busy", "ok", "bad", "warn", "quiet")
TEXT_ON_GROUND = [
    *(("ink", ground) for ground in ("ground", "paper", *(f"{state}-tint" for state in STATES))),
    *(("soft", ground) for ground in ("ground", "paper", "quiet-tint")),
    ("warn", "ground"),
    ("warn", "paper"),
    ("bad", "paper"),
    ("on-brand", "brand"),
    ("brand", "paper"),
]
GRAPHICS = [
    *((state, f"{state}-tint") for state in STATES),
    *(("on-state", state) for state in STATES),
    ("busy", "paper"),
    ("busy", "ground"),
]


def tokens(scheme: str) -> dict[str, str]:
    """Colour tokens as they stand when `scheme` is preferred."""
    light, dark = TOKENS.read_text().split("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light))
    if scheme == "dark":
        changed = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", dark))
        assert changed.keys() == found.keys()
        found = changed
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON_GROUND)
def test_text_can_be_read(scheme: str, text: str, ground: str) -> None:
    colors = tokens(scheme)
    assert contrast(colors[text], colors[ground]) >= CONTRAST_MIN


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("graphic", "ground"), GRAPHICS)
def test_icons_can_be_seen(scheme: str, graphic: str, ground: str) -> None:
    colors = tokens(scheme)
    assert contrast(colors[graphic], colors[ground]) >= GRAPHIC_MIN
