"""Assets: what the build made is served under names that never change their content."""

import pytest

from tillgate.checkout import assets

NAMES = ["checkout.js", "checkout.css", "mark.svg", "docs.js", "swagger-ui.css"]


@pytest.mark.parametrize("name", [*NAMES, "swagger-ui-bundle.js"])
def test_every_asset_is_found_under_its_address(name: str) -> None:
    url = assets.url(name)
    assert url.startswith("/assets/")
    found = assets.find(url.removeprefix("/assets/"))
    assert found is not None
    assert found.body
    kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    assert found.content_type.startswith(kind[name.rpartition(".")[2]])


@pytest.mark.parametrize(
    "name",
    ["", "checkout.js", "manifest.json", "swagger-ui-LICENSE.txt", "../../pages.py", "/etc/passwd"],
)
def test_nothing_else_is_served(name: str) -> None:
    assert assets.find(name) is None


def test_an_unknown_asset_says_how_to_build_it() -> None:
    with pytest.raises(assets.AssetsMissing, match="npm run build"):
        assets.url("nonsense.js")


def test_no_asset_of_the_pages_names_another_host() -> None:
    for name in NAMES[:2]:
        found = assets.find(assets.url(name).removeprefix("/assets/"))
        assert found is not None
        assert b"//" not in found.body.replace(b"http://www.w3.org/", b"")
