"""A receiver in Node verifies what it parsed and wrote anew: whatever we send survives that."""

import json
import re
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.house.tree import ROOT
from tillgate.webhooks.formats import FORMATS, Wire
from tillgate.webhooks.model import Request

from .claims import claim_of, payment, refund
from .scene import Scene

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

WORDS: dict[Wire, str] = {"gateway": "gateway", "standard": "standard", "provider": "standard"}
"""How the receiver verifies each format."""


class Node:
    """The receiver, in a process of its own."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("receiver.mjs")
        self._process = subprocess.Popen(
            ["node", str(program), SECRET], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())
        self._client = HTTPConnection("127.0.0.1", self._port, timeout=10)

    def url(self, wire: Wire) -> str:
        return f"http://127.0.0.1:{self._port}/{WORDS[wire]}"

    def answers(self, wire: Wire, request: Request) -> int:
        self._client.request("POST", f"/{WORDS[wire]}", request.body, request.headers)
        with self._client.getresponse() as answer:
            answer.read()
            return answer.status

    def stop(self) -> None:
        self._client.close()
        self._process.terminate()
        self._process.communicate(timeout=10)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.stop()


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
keys = st.one_of(
    text,
    st.integers(0, 1 << 34).map(str),
    st.sampled_from(["0", "00", "-1", "1.0", "4294967294", "4294967295", "__proto__", "toJSON"]),
    st.sampled_from(["method", "vpa", "captured", "quantity", "providerId", "serviceName"]),
)
numbers = st.integers().map(str) | st.floats().map(repr)
metadata = st.dictionaries(keys, text | numbers, max_size=8)


@pytest.mark.parametrize("wire", FORMATS)
@settings(max_examples=300, deadline=None)
@given(metadata=metadata, amount=st.integers(1, (1 << 53) - 1), description=text)
def test_a_payment_survives_the_receivers_json(
    node: Node, wire: Wire, metadata: dict[str, str], amount: int, description: str
) -> None:
    data = payment(metadata=metadata, amount=amount, description=description)
    request = FORMATS[wire].request(claim_of("payment.succeeded", data), [SECRET])

    assert node.answers(wire, request) == 204


@pytest.mark.parametrize("wire", ["standard", "gateway"])
@settings(max_examples=100, deadline=None)
@given(metadata=metadata, reason=text)
def test_a_refund_survives_the_receivers_json(
    node: Node, wire: Wire, metadata: dict[str, str], reason: str
) -> None:
    data = refund(metadata=metadata, reason=reason)
    request = FORMATS[wire].request(claim_of("refund.succeeded", data), [SECRET])

    assert node.answers(wire, request) == 204


@pytest.mark.parametrize("wire", FORMATS)
def test_the_receiver_would_see_a_difference(node: Node, wire: Wire) -> None:
    data = payment(metadata={"10": "x"})
    headers, body = FORMATS[wire].request(claim_of("payment.failed", data), [SECRET])

    assert node.answers(wire, Request(headers, body.replace(b"failed", b"succeeded"))) == 401
    other = FORMATS[wire].request(claim_of("payment.failed", data), ["whsec_" + "A" * 32])
    assert node.answers(wire, other) == 401


def test_the_function_of_the_guide_verifies_what_came() -> None:
    guide = (ROOT / "docs/guides/webhooks.md").read_text()
    [function] = re.findall(r"^```js\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    headers, body = FORMATS["gateway"].request(claim_of("payment.failed", payment()), [SECRET])
    signature = headers["X-Webhook-Signature"]
    asked = [[body.decode(), given, SECRET] for given in (signature, "0" * 64, "", "-")]
    asked.append([body.decode() + " ", signature, SECRET])
    call = f"console.log(JSON.stringify({json.dumps(asked)}.map(a => isGenuine(...a))))"
    said = subprocess.run(["node", "-e", function + call], capture_output=True, check=False)

    assert json.loads(said.stdout) == [True, False, False, False, False], said.stderr


@pytest.mark.parametrize("wire", FORMATS)
async def test_the_worker_delivers_to_it(scene: Scene, node: Node, wire: Wire) -> None:
    """Of which 2xx tells: it verifies before it answers."""
    await scene.endpoint(node.url(wire), wire=wire, secret=SECRET)
    data = payment(metadata={"b": "1", "10": "é\u2028😀", "9": "1.0", "__proto__": "1e3"})
    await scene.publish(data=data)
    async with scene.worker():
        await scene.settled()

    assert await scene.connection.fetchval("SELECT status_code FROM attempts") == 204
