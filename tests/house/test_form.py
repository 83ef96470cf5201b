"""How files are called, how long they may get, and what none of them may name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .tree import ROOT, SOURCE, files, shown

SAYS_NOTHING = {"service", "services", "utils", "util", "helpers", "helper"} | {
    *("manager", "managers", "common", "misc")
}
"""Names under which a file could hold anything."""

FILE_MAX_LINES = 400
FUNCTION_MAX_LINES = 70

LONGER: dict[str, tuple[int, str]] = {}
"""`path` or `path:function` → (lines it may have, why). The list only gets shorter."""

MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:home|root|Users|work|workspace|builds)/\w")
REGISTRY = re.compile(r"pythonhosted\.|pypi\.(?:org|io)|npmjs\.(?:org|com)|deb\.debian\.")

TEXT = {
    *("", ".css", ".html", ".json", ".lock", ".md", ".mjs", ".py", ".sh", ".sql", ".svg"),
    *(".toml", ".ts", ".txt", ".yaml", ".yml"),
}


class Length(NamedTuple):
    what: str
    lines: int
    limit: int


def test_a_file_name_is_a_role() -> None:
    named = [shown(path) for path in files() if path.stem in SAYS_NOTHING]
    assert not named


def test_nothing_is_too_long() -> None:
    lengths = list(measure())
    long = {length.what: length.lines for length in lengths if length.lines > length.limit}
    allowed = {what: lines for what, (lines, _reason) in LONGER.items()}
    assert len(lengths) > 100
    assert {what: n for what, n in long.items() if n > allowed.get(what, 0)} == {}
    assert allowed.keys() <= long.keys(), "an exception that is needed no more"


def measure() -> Iterator[Length]:
    for path in [*files(SOURCE, ".py", ".sql"), *files(ROOT / "browser/src", ".ts")]:
        text = path.read_text()
        yield Length(shown(path), len(text.splitlines()), FILE_MAX_LINES)
        if path.suffix == ".py":
            yield from measure_functions(path, text)


def measure_functions(path: Path, text: str) -> Iterator[Length]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            yield Length(f"{shown(path)}:{node.name}", lines, FUNCTION_MAX_LINES)


def test_nothing_names_a_machine_or_a_registry() -> None:
    """The locks too: they hold hashes, and any mirror serves."""
    texts = [path for path in files() if path.suffix in TEXT]
    found = [
        f"{shown(path)}:{number}: {line.strip()[:80]}"
        for path in texts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if MACHINE_PATH.search(line) or REGISTRY.search(line)
    ]
    assert {"requirements.lock", "package-lock.json", "Makefile"} <= {path.name for path in texts}
    assert not found


def test_locks_hold_hashes_and_no_addresses() -> None:
    python = (ROOT / "requirements.lock").read_text()
    browser = (ROOT / "browser/package-lock.json").read_text()
    assert "--hash=sha256:" in python
    assert "://" not in python
    assert '"integrity"' in browser
    assert '"resolved"' not in browser


def test_modules_say_what_they_are() -> None:
    silent = [
        shown(path)
        for path in files(SOURCE, ".py")
        if path.stat().st_size and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert not silent
