"""The commands on the pages that people read, and a shell to type them in."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.house.tree import ROOT, files

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *files(ROOT / "docs", ".md")]
ENDS_WITHIN_S = 120.0
DATA = {"js", "json", "mermaid", "python", "sql", "text"}
"""Languages of fences that hold no commands."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:[A-Z_]+=\S+ )*(?:make\b|curl\b|tillgate\b|\.venv/|\.ci/)[^`]*)`")


def commands_of(page: str) -> set[str]:
    """Each command of a page, whole: in fences, and in the middle of a sentence."""
    found: set[str] = set()
    for language, block in FENCE.findall(page):
        if language not in DATA:
            found |= set(commands_in(block))
    inline: list[str] = INLINE.findall(FENCE.sub("", page))
    return found | {_even(command) for command in inline}


def commands_in(block: str) -> list[str]:
    """The commands of one fence, in their order."""
    lines = block.replace("\\\n", " ").splitlines()
    found = [_even(line.partition("  # ")[0]) for line in lines]
    return [command for command in found if command]


def _even(command: str) -> str:
    return re.sub(r"\s+", " ", command.strip())


COMMANDS = {command for page in PAGES for command in commands_of(page.read_text())}


@asynccontextmanager
async def typing(
    command: str, environment: Mapping[str, str] = {}, folder: Path = ROOT
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A shell in which this was typed, with nothing of the make and the pytest that run us; what
    still runs of it at the end is ended."""
    ours = re.compile(r"PYTEST_|MAKE|MFLAGS")
    own = {name: value for name, value in os.environ.items() if not ours.match(name)}
    own["PATH"] = f"{Path(sys.executable).parent}:{own['PATH']}"
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", command,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**own, **environment}, cwd=folder, start_new_session=True,
    )  # fmt: skip
    try:
        yield shell
    finally:
        if shell.returncode is None:
            os.killpg(shell.pid, signal.SIGKILL)
            await shell.wait()


async def typed(command: str, environment: Mapping[str, str] = {}, folder: Path = ROOT) -> str:
    """What it says until it ends well. Raises AssertionError with its words when it does not."""
    async with typing(command, environment, folder) as shell, asyncio.timeout(ENDS_WITHIN_S):
        said, _ = await shell.communicate()
    assert shell.returncode == 0, said.decode()
    return said.decode()
