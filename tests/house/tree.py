"""What belongs to the repository: its files, its SQL, and the tables of its pages."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tillgate.kit.db import statements

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/tillgate"

# Also in .gitignore; read here by hand, so that the tests need no git.
NOT_OURS = {
    *(".git", ".venv", ".tillgate", "node_modules", "__pycache__", "dist", "built"),
    *(".ruff_cache", ".import_linter_cache", ".hypothesis", ".pytest_cache"),
}


class Statement(NamedTuple):
    """A named statement of a `.sql` file; `name` is `room/statement`."""

    name: str
    sql: str


def files(folder: Path = ROOT, *endings: str) -> list[Path]:
    """Every file of the repository in a folder, or those with one of the endings: `.py`."""
    return sorted(_walk(folder, endings))


def _walk(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in NOT_OURS:
            continue
        if path.is_dir():
            yield from _walk(path, endings)
        elif not endings or path.suffix in endings:
            yield path


def shown(path: Path) -> str:
    """A path as messages and lists name it, from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def all_statements() -> list[Statement]:
    return [
        Statement(f"{path.parent.relative_to(SOURCE).as_posix()}/{name}", sql)
        for path in files(SOURCE, ".sql")
        for name, sql in statements(path).items()
    ]


def rows(page: str) -> list[list[str]]:
    """The cells of every table row in a Markdown page that begins with a name in backticks."""
    lines = (ROOT / page).read_text().splitlines()
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
        if line.startswith("| `")
    ]


def bare(cell: str) -> str:
    """A cell's words, without the backticks around names."""
    return cell.replace("`", "")
