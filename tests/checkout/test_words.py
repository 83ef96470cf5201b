"""The catalogues: complete, and chosen as the browser asks."""

import string

import pytest

from tillgate.checkout.words import choose_language, languages, say

CODES = sorted(languages())


def placeholders(word: str | dict[str, str]) -> set[str | None]:
    text = word["other"] if isinstance(word, dict) else word
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_there_are_four_languages() -> None:
    assert CODES == ["ar", "de", "en", "es"]


@pytest.mark.parametrize("code", CODES)
def test_every_language_has_the_same_words_with_the_same_gaps(code: str) -> None:
    english, other = languages()["en"].words, languages()[code].words
    assert other.keys() == english.keys()
    for key, word in english.items():
        assert placeholders(other[key]) == placeholders(word), key
        assert isinstance(other[key], dict) is isinstance(word, dict), key


@pytest.mark.parametrize("code", [code for code in CODES if code != "en"])
def test_words_are_translated(code: str) -> None:
    english, other = languages()["en"].words, languages()[code].words
    assert [key for key in english if english[key] == other[key]] == []


@pytest.mark.parametrize(
    ("header", "asked", "chosen"),
    [
        ("", None, "en"),
        ("de-AT,de;q=0.9,en;q=0.8", None, "de"),
        ("fr;q=1.0,ar;q=0.3,es-MX;q=0.7", None, "es"),
        ("fr", None, "en"),
        ("de", "ar", "ar"),
        ("de", "AR-eg", "ar"),
        ("de", "tlh", "de"),
        ("de;q=0", None, "en"),
        ("de;q=much,es", None, "es"),
        ("," * 1000 + "de", None, "en"),
        ("../../etc/passwd", "../de", "en"),
    ],
)
def test_language_is_the_one_asked_for_else_the_browsers(
    header: str, asked: str | None, chosen: str
) -> None:
    assert choose_language(header, asked) == chosen


@pytest.mark.parametrize(
    ("code", "n", "text"),
    [
        ("en", 1, "1 minute"),
        ("en", 2, "2 minutes"),
        ("de", 1, "1 Minute"),
        ("es", 30, "30 minutos"),
        ("ar", 1, "دقيقة واحدة"),
        ("ar", 2, "دقيقتان"),
        ("ar", 3, "3 دقائق"),
        ("ar", 11, "11 دقيقة"),
        ("ar", 103, "103 دقائق"),
        ("ar", 0, "0 دقيقة"),
    ],
)
def test_numbers_take_their_plural_form(code: str, n: int, text: str) -> None:
    assert say(code, "unit.minutes", n=n) == text


def test_a_latin_name_does_not_turn_an_arabic_sentence_around() -> None:
    assert "\u2068Acme\u2069" in say("ar", "heading.ready", merchant="Acme")
    assert say("en", "heading.ready", merchant="Acme") == "Pay Acme"


@pytest.mark.parametrize("code", CODES)
def test_a_word_that_is_missing_is_a_bug(code: str) -> None:
    with pytest.raises(KeyError):
        say(code, "heading.nonsense")
