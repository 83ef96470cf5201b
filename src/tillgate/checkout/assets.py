"""Scripts, styles and pictures of the pages, as the browser build left them.

Each file's name carries a hash of its content, so that it may be cached for good. The build
(`npm run build` in `browser/`) writes them beside a manifest, which alone says what is served.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

BUILT = Path(__file__).parent / "static" / "built"
MANIFEST = "manifest.json"
URL_PREFIX = "/assets/"

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class AssetsMissing(Exception):
    """The browser build has not run, or it made no such file."""


class Asset(NamedTuple):
    """A file as it is answered; its name never stands for other bytes."""

    body: bytes
    content_type: str


def url(name: str) -> str:
    """The address of an asset by its plain name: `checkout.css` → `/assets/checkout-1A2B3C4D.css`.

    Names: checkout.js, checkout.css, mark.svg, docs.js, swagger-ui.css, swagger-ui-bundle.js.
    Raises AssetsMissing.
    """
    hashed = _manifest().get(name)
    if hashed is None:
        raise AssetsMissing(f"the browser build made no {name}; run `npm run build` in browser/")
    return URL_PREFIX + hashed


def find(hashed: str) -> Asset | None:
    """The file behind `/assets/{hashed}`, or None. Only names of the manifest are ever opened."""
    return _read(hashed) if hashed in _manifest().values() else None


@cache
def _read(hashed: str) -> Asset:
    path = BUILT / hashed
    return Asset(path.read_bytes(), _CONTENT_TYPES[path.suffix])


@cache
def _manifest() -> dict[str, str]:
    try:
        raw = (BUILT / MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise AssetsMissing(
            "the pages have no scripts and styles yet; run `npm ci && npm run build` in browser/"
        ) from error
    return msgspec.json.decode(raw, type=dict[str, str])
