"""The sandbox's own settings: what they are by default, mean, and refuse."""

import pytest

from tillgate.sandbox.settings import Settings, SettingsError, from_environment


def test_by_default_chance_decides() -> None:
    settings = from_environment({})
    assert settings == Settings()
    assert [settings.delay_s(fraction) for fraction in (0, 0.5)] == [5, 7.5]
    assert [settings.succeeds("upi", fraction) for fraction in (0.899, 0.9)] == [True, False]
    assert [settings.succeeds("card", fraction) for fraction in (0.949, 0.95)] == [True, False]
    assert settings.succeeds("bank_transfer", 0.999)


def test_rates_and_delays_can_be_set() -> None:
    settings = from_environment(
        {
            "UPI_SUCCESS_RATE": "0",
            "CARD_SUCCESS_RATE": "1",
            "PROCESSING_DELAY_MIN": "100",
            "PROCESSING_DELAY_MAX": "300",
            "TEST_PROCESSING_DELAY": "5",
            "TEST_PAYMENT_SUCCESS": "false",
        }
    )
    assert not settings.succeeds("upi", 0)
    assert settings.succeeds("card", 0.999)
    assert settings.delay_s(0.5) == pytest.approx(0.2)


def test_in_test_mode_nothing_is_left_to_chance() -> None:
    settings = from_environment({"TEST_MODE": "true", "UPI_SUCCESS_RATE": "0"})
    assert settings.delay_s(0.5) == 1
    assert settings.succeeds("upi", 0.999)
    failing = from_environment({"TEST_MODE": "TRUE", "TEST_PAYMENT_SUCCESS": "false"})
    assert not failing.succeeds("bank_transfer", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TEST_MODE", "perhaps"),
        ("TEST_PROCESSING_DELAY", "-1"),
        ("TEST_PROCESSING_DELAY", "1.5"),
        ("PROCESSING_DELAY_MAX", "3600001"),
        ("PROCESSING_DELAY_MIN", "10001"),
        ("UPI_SUCCESS_RATE", "1.01"),
        ("CARD_SUCCESS_RATE", "nan"),
    ],
)
def test_what_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        from_environment({name: value})
