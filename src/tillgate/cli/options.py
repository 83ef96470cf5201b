"""What several commands can be told."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option(help="Folder in which `tillgate dev` keeps everything.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")]
Merchant = Annotated[
    str, typer.Option(help="The merchant, `mer_…`: the live one, or the test one.")
]
