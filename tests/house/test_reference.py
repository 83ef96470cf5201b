"""docs/reference says what the code says: no error, event or setting goes undocumented."""

from typing import get_args

from msgspec.structs import fields

from tillgate.events.catalogue import TYPES
from tillgate.kit.refusal import CODES
from tillgate.sandbox import settings as sandbox
from tillgate.sandbox.faults import Faults
from tillgate.settings import ENVIRONMENT, Settings

from .tree import bare, rows


def test_every_error_code_is_documented() -> None:
    documented = {
        bare(code): (int(status), bare(kind))
        for code, status, kind, _when in rows("docs/reference/errors.md")
    }
    assert documented == CODES


def test_every_event_type_is_documented() -> None:
    documented = {bare(type_): meaning for type_, meaning in rows("docs/reference/events.md")}
    assert documented == TYPES


def test_every_setting_is_documented() -> None:
    documented = {
        bare(name): (required == "yes", said(meaning))
        for name, required, meaning in rows("docs/reference/settings.md")
    }
    assert documented == {
        **{v.name: (v.required, said(v.meaning)) for v in ENVIRONMENT},
        **{v.name: (False, said(v.meaning)) for v in sandbox.ENVIRONMENT},
    }


def test_every_fault_of_the_sandbox_is_documented() -> None:
    documented = {bare(name): said(meaning) for name, meaning in rows("docs/reference/sandbox.md")}
    assert documented == {
        field.name: said(get_args(field.type)[1].description) for field in fields(Faults)
    }


def test_every_setting_can_be_set() -> None:
    assert {variable.field for variable in ENVIRONMENT} == set(Settings._fields)
    of_sandbox = {variable.field for variable in sandbox.ENVIRONMENT}
    assert of_sandbox == set(sandbox.Settings._fields)


def said(words: str) -> str:
    """Words as they are compared: a table begins with a capital, and marks names."""
    return bare(words).lower()
