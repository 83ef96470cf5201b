"""What a body may be before anybody reads what it says."""

import msgspec
import pytest

from tillgate.kit import body, metadata
from tillgate.kit.body import DEPTH_MAX, too_deep
from tillgate.kit.metadata import KEY_MAX_CHARACTERS, KEYS_MAX, VALUE_MAX_CHARACTERS, Metadata
from tillgate.kit.refusal import Refused


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"a":[', b'["[",'])
def test_nesting_ends(opening: bytes) -> None:
    levels = opening.count(b"[") + opening.count(b"{") - opening.count(b'"["')
    assert not too_deep(opening * (DEPTH_MAX // levels))
    assert too_deep(opening * (DEPTH_MAX // levels + 1))
    anything: msgspec.json.Decoder[object] = msgspec.json.Decoder()
    refused = body.decode(anything, opening * 50_000)
    assert isinstance(refused, Refused)
    assert (refused.code, str(DEPTH_MAX) in refused.message) == ("parameter_invalid", True)


@pytest.mark.parametrize(
    "shallow",
    [b"[" + b"[]," * 100 + b"[]]", b'"' + b"[" * 100 + b'"', b'["\\"' + b"{" * 100 + b'"]'],
)
def test_brackets_beside_each_other_and_in_texts_are_no_nesting(shallow: bytes) -> None:
    assert not too_deep(shallow)
    assert msgspec.json.decode(shallow)


class Thing(msgspec.Struct):
    metadata: Metadata = {}


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({"k" * KEY_MAX_CHARACTERS: "v" * VALUE_MAX_CHARACTERS}, True),
        ({str(number): "" for number in range(KEYS_MAX)}, True),
        ({"k" * (KEY_MAX_CHARACTERS + 1): ""}, False),
        ({"k": "v" * (VALUE_MAX_CHARACTERS + 1)}, False),
        ({"": ""}, False),
        ({str(number): "" for number in range(KEYS_MAX + 1)}, False),
    ],
)
def test_metadata_has_its_limits(sent: dict[str, str], taken: bool) -> None:
    read = body.decode(msgspec.json.Decoder(Thing), msgspec.json.encode({"metadata": sent}))
    assert isinstance(read, Thing) == taken
    if isinstance(read, Refused):
        assert (read.code, read.param) == ("parameter_invalid", "metadata")


def test_merged_metadata_is_counted() -> None:
    assert metadata.check({str(number): "" for number in range(KEYS_MAX)}) is None
    refused = metadata.check({str(number): "" for number in range(KEYS_MAX + 1)}, "meta")
    assert refused is not None
    assert refused.param == "meta"
