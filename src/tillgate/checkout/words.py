"""The words of the pages: one file per language in `strings/`, each with the same keys.

A language is added by adding its file, and its plural rule here when it has more than two forms.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec

DEFAULT_LANGUAGE = "en"
ACCEPT_LANGUAGE_MAX_CHARS = 256
"""More of the header than this is not read."""

_FOLDER = Path(__file__).with_name("strings")
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


class Amounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a language writes amounts. Facts from the Unicode CLDR."""

    group: str
    group_from_digits: int
    """Whole parts with fewer digits than this are not grouped."""
    decimal: str
    symbol_first: bool
    symbols: dict[str, str]
    """Asset → symbol; every other asset is written as its code."""


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One catalogue. A word is a text, or a text for each plural form of `{n}`."""

    name: str
    direction: str
    amounts: Amounts
    words: dict[str, str | dict[str, str]]


@cache
def languages() -> dict[str, Language]:
    """Every language that there is a file for, by its code, in the order of their own names."""
    found = {
        path.stem: msgspec.json.decode(path.read_bytes(), type=Language)
        for path in _FOLDER.glob("*.json")
    }
    return dict(sorted(found.items(), key=lambda item: item[1].name))


def choose_language(accept_language: str, asked: str | None) -> str:
    """The code of the language to answer in: what was asked for, else the browser's favourite.

    `accept_language` is the header as it came, `asked` the value of `?lang=`.
    """
    for tag in (asked or "", *_favourites(accept_language[:ACCEPT_LANGUAGE_MAX_CHARS])):
        code = tag.strip().lower().partition("-")[0]
        if code in languages():
            return code
    return DEFAULT_LANGUAGE


def say(language: str, key: str, **values: str | int) -> str:
    """The words for `key` with `values` put in; `n` chooses the plural form.

    Raises KeyError for a key that is not in the catalogue. In a right-to-left language values are
    isolated, so that a Latin name does not turn the sentence around it.
    """
    catalogue = languages()[language]
    text = catalogue.words[key]
    if isinstance(text, dict):
        form = _PLURALS.get(language, _two_forms)(int(values["n"]))
        text = text.get(form, text["other"])
    if catalogue.direction == "rtl":
        return text.format_map(
            {
                name: value if isinstance(value, int) else f"{_ISOLATE}{value}{_END_ISOLATE}"
                for name, value in values.items()
            }
        )
    return text.format_map(values)


def _favourites(accept_language: str) -> list[str]:
    """Tags of `Accept-Language`, the most wanted first; what cannot be read is left out."""
    weighed: list[tuple[float, str]] = []
    for item in accept_language.split(","):
        tag, _, weight = item.partition(";q=")
        try:
            wanted = float(weight or 1)
        except ValueError:
            continue
        if wanted > 0:
            weighed.append((-wanted, tag))
    return [tag for _, tag in sorted(weighed, key=lambda pair: pair[0])]


def _two_forms(n: int) -> str:
    return "one" if n == 1 else "other"


def _arabic_forms(n: int) -> str:
    if n in {1, 2}:
        return ("one", "two")[n - 1]
    if 3 <= n % 100 <= 10:
        return "few"
    return "many" if n % 100 >= 11 else "other"


_PLURALS: dict[str, Callable[[int], str]] = {"ar": _arabic_forms}
