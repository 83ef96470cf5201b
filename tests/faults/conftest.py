"""One stage for each module that asks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.stage import Stage, staged
from tillgate.cli.postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
async def stage(
    request: pytest.FixtureRequest, postgres: EmbeddedPostgres, module_folder: Path
) -> AsyncIterator[Stage]:
    name = request.node.path.stem
    async with staged(postgres, name, module_folder) as stage:
        yield stage
