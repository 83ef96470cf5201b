"""What `canonical` writes comes out of JavaScript's JSON.parse and JSON.stringify unchanged."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tillgate.kit.canonical import DEPTH_MAX, INTEGER_MAX, canonical, number

ROUND_TRIP = """
const lines = require('readline').createInterface({input: process.stdin})
lines.on('line', line => process.stdout.write(JSON.stringify(JSON.parse(line)) + '\\n'))
"""


class JavaScript:
    """One node process, a line in, a line out."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "-e", ROUND_TRIP], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def round_trip(self, body: bytes) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(body + b"\n")
        stdin.flush()
        return stdout.readline()[:-1]

    def stop(self) -> None:
        self._process.communicate(timeout=10)


@pytest.fixture(scope="module")
def javascript() -> Iterator[JavaScript]:
    node = JavaScript()
    yield node
    node.stop()


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = st.one_of(
    text,
    st.integers(0, 1 << 40).map(str),
    st.sampled_from(["0", "00", "01", "-1", "1.0", "4294967294", "4294967295", "4294967296"]),
    st.sampled_from(["__proto__", "constructor", "toJSON", "length", "²", "٣"]),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | text
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(keys, children, max_size=6),
    max_leaves=20,
)


@settings(max_examples=1000, deadline=None)
@given(value=values)
def test_javascript_gives_it_back_byte_for_byte(javascript: JavaScript, value: Any) -> None:
    body = canonical(value)

    assert javascript.round_trip(body) == body
    assert json.loads(body, parse_int=float) == value


@settings(max_examples=1500, deadline=None)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_printed_as_javascript_prints_it(javascript: JavaScript, value: float) -> None:
    printed = number(value)

    assert javascript.round_trip(printed.encode()).decode() == printed
    assert float(printed) == value


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.0, "0"), (-0.0, "0"), (1.0, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (1e-6, "0.000001"),
        (1e-7, "1e-7"), (1.5e-7, "1.5e-7"), (123456789012345680000.0, "123456789012345680000"),
        (1e21, "1e+21"), (1.7976931348623157e308, "1.7976931348623157e+308"), (5e-324, "5e-324"),
    ],
)  # fmt: skip
def test_floats_at_the_edges_of_the_notations(value: float, printed: str) -> None:
    assert number(value) == printed


def test_keys_stand_in_the_order_of_javascript() -> None:
    assert canonical({"b": 1, "10": 2, "a": 3, "9": 4, "01": 5}) == (
        b'{"9":4,"10":2,"b":1,"a":3,"01":5}'
    )


def test_raw_json_and_structs_are_read_and_written_anew() -> None:
    class Wrapped(msgspec.Struct):
        meta: msgspec.Raw

    assert canonical(Wrapped(msgspec.Raw(b'{ "b": 1.0, "1": "\\u00e9" }'))) == (
        '{"meta":{"1":"é","b":1}}'.encode()
    )


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [INTEGER_MAX + 1, -INTEGER_MAX - 1, float("nan"), float("inf"), "\ud800", nested(DEPTH_MAX + 1),
     nested(100_000)],
)  # fmt: skip
def test_what_javascript_cannot_give_back_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical(value)


def test_the_deepest_nesting_is_written() -> None:
    assert canonical(nested(DEPTH_MAX)) == b"[" * DEPTH_MAX + b"]" * DEPTH_MAX
