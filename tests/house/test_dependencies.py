"""Every dependency is declared, and has its reason in docs/dependencies.md."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from .tree import ROOT, SOURCE, bare, files, rows

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}


RUNTIME = names(PROJECT["dependencies"])
DEVELOPMENT = names(PROJECT["optional-dependencies"]["dev"])

BROUGHT = {
    "multidict": "aiohttp's public interface speaks of headers in it",
    "yarl": "aiohttp's public interface speaks of addresses in it",
}
"""What may be imported though another package brings it, and why."""


def test_every_dependency_has_its_reason() -> None:
    package = json.loads((ROOT / "browser/package.json").read_text())
    browser = package.get("dependencies", {}) | package.get("devDependencies", {})
    reasons = [bare(cells[0]) for cells in rows("docs/dependencies.md")]
    assert sorted(reasons) == sorted(RUNTIME | DEVELOPMENT | browser.keys())


def test_what_is_imported_is_declared() -> None:
    """Something that only another package brings may be gone with its next release."""
    providers = packages_distributions()
    imported = {
        name.split(".")[0]
        for path in files(SOURCE, ".py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in modules_of(node)
    }
    foreign = imported - sys.stdlib_module_names - {"tillgate"}
    undeclared = {
        name
        for name in foreign
        if not any(normal(provider) in RUNTIME for provider in providers.get(name, ()))
    }
    assert "asyncpg" in foreign
    assert undeclared == BROUGHT.keys()


def normal(distribution: str) -> str:
    """A package's name as requirements write it."""
    return distribution.lower().replace("_", "-")


def modules_of(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []
