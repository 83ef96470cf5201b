"""The documents' own examples, and whether an answer is one of them: the same members in the same
order, of the same types, and of the same value but where each answer has its own."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"


def golden(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def like(name: str, said: Any) -> None:
    example = golden(name)
    wanted, varies = example["answer"], set(example["varies"])
    assert list(said) == list(wanted)
    assert {key: type(value) for key, value in said.items()} == {
        key: type(value) for key, value in wanted.items()
    }
    fixed = wanted.keys() - varies
    assert {key: said[key] for key in fixed} == {key: wanted[key] for key in fixed}
