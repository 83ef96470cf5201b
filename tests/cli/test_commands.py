"""The command line: what is missing is told in words, and nothing is imported in vain."""

import os
import subprocess
import sys

import pytest

from tillgate.cli.postgres import EmbeddedPostgres


def tillgate(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command with nothing else in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "tillgate", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environment},
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["serve"], "DATABASE_URL"),
        (["worker"], "DATABASE_URL"),
        (["migrate"], "DATABASE_URL"),
        (["sandbox"], "TILLGATE_SANDBOX_SECRET"),
        (["merchant", "create", "--name", "X", "--data", "/nowhere"], "DATABASE_URL"),
    ],
)
def test_a_missing_setting_is_named(arguments: list[str], missing: str):
    refused = tillgate(*arguments)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"{missing} is not set")
    assert "Traceback" not in refused.stderr


def test_migrate_brings_a_database_up_to_date(database: str):
    done = tillgate("migrate", DATABASE_URL=database)
    assert (done.returncode, done.stdout) == (0, "The database is up to date.\n")


def test_a_business_needs_a_migrated_database(postgres: EmbeddedPostgres):
    refused = tillgate(
        "merchant", "create", "--name", "X", DATABASE_URL=postgres.dsn("postgres"),
        TILLGATE_SECRET="s" * 32, TILLGATE_PUBLIC_URL="https://pay.example",
    )  # fmt: skip
    assert refused.returncode == 1
    assert "tillgate migrate" in refused.stderr


def test_the_command_line_carries_no_part_with_it():
    parts = {"asyncpg", "litestar", "uvicorn", "aiohttp", "rich", "tillgate.settings"}
    script = f"import sys, tillgate.cli; print(sorted({parts} & set(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "[]\n"
