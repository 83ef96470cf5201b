"""The pages that people read first: commands that exist, links that lead somewhere, short ones."""

import re
from pathlib import Path

import pytest

from .tree import ROOT, files, shown

ARCHITECTURE_MAX_LINES = 150
DECISION_MAX_LINES = 40

PAGES = files(ROOT, ".md")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)[^)]*\)|<[^>]*(?:href|src|srcset)=\"([^\"]+)\"")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_readme_begins_with_its_two_commands() -> None:
    blocks = FENCE.findall((ROOT / "README.md").read_text())
    commands = [
        line.removeprefix("$ ").split("#")[0].strip()
        for language, block in blocks
        if language in {"sh", "bash", "console", "shell"}
        for line in block.splitlines()
        if line.strip() and not line.startswith("#")
    ]
    assert commands[:2] == ["make run", "make test"]


def test_every_make_command_in_the_pages_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        (shown(page), target)
        for page in PAGES
        for target in re.findall(r"(?:`|^\$? ?)make ([a-z]+)", page.read_text(), re.MULTILINE)
    }
    assert ("CONTRIBUTING.md", "check") in named
    assert not [where for where in named if where[1] not in targets]


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    broken: list[str] = []
    for found in LINK.findall(FENCE.sub("", page.read_text())):
        link = found[0] or found[1]
        address, _, heading = link.partition("#")
        if "://" in address or address.startswith("mailto:"):
            continue
        target = (page.parent / address).resolve() if address else page
        if not target.exists() or (heading and heading not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_files_named_in_a_page_exist(page: Path) -> None:
    """`docs/…`, `src/…` and their like, written without a link."""
    named = re.findall(
        r"(?<![\w/.-])((?:docs|src|tests|db|browser|bench)/[\w/.-]*\w)", page.read_text()
    )
    assert not [name for name in named if not (ROOT / name).exists()]


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def test_architecture_is_short() -> None:
    lines = len((ROOT / "ARCHITECTURE.md").read_text().splitlines())
    assert 0 < lines < ARCHITECTURE_MAX_LINES


def test_decisions_are_short_and_numbered() -> None:
    decisions = files(ROOT / "docs/decisions", ".md")
    assert decisions
    assert [path.name[:5] for path in decisions] == [
        f"{number:04}-" for number in range(1, len(decisions) + 1)
    ]
    for path in decisions:
        assert len(path.read_text().splitlines()) <= DECISION_MAX_LINES, shown(path)
