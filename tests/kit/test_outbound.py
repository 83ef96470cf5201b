"""Requests to servers that misbehave, names that change their minds, and addresses out of bounds.

Every server here is real; 127.0.0.1 is opened by policy where the test is about something else.
"""

import asyncio
import gzip
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tillgate.kit import clock
from tillgate.kit.networks import Policy
from tillgate.kit.outbound import RESPONSE_MAX_BYTES, Failure, Lookup, Outbound, Reply, Vetting

LOCAL = Policy(allow_http=True, allow_networks=(ip_network("127.0.0.1/32"),))
"""127.0.0.1 is allowed, and nothing else of this machine."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server for a handler; answers its address."""
    servers: list[TestServer] = []

    async def start(handler: Handler) -> str:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(app, host="127.0.0.1")
        servers.append(server)
        await server.start_server()
        return str(server.make_url("/hook"))

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with Outbound(LOCAL) as client:
        yield client


async def post(client: Outbound, url: str, timeout_s: float = 5) -> Reply | Failure:
    return await client.send("POST", url, {"X-One": "1"}, b"body", timeout_s)


def failed(result: Reply | Failure) -> Failure:
    assert isinstance(result, Failure), result
    return result


async def test_a_request_arrives_as_it_was_given(serve: Serve, outbound: Outbound) -> None:
    seen: list[tuple[web.Request, bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request, await request.read()))
        return web.Response(status=202, body=b"thanks", headers={"Retry-After": "7"})

    reply = await post(outbound, await serve(handler))

    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.headers["retry-after"]) == (202, b"thanks", "7")
    request, body = seen[0]
    assert (request.method, body) == ("POST", b"body")
    assert request.headers["X-One"] == "1"
    assert request.headers.getall("Accept-Encoding") == ["identity"]
    assert request.headers.getall("User-Agent") == ["Tillgate"]


async def test_the_body_is_kept_up_to_what_was_asked(serve: Serve, outbound: Outbound) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * RESPONSE_MAX_BYTES)

    url = await serve(handler)
    usual = await post(outbound, url)
    more = await outbound.send("GET", url, {}, None, 5, keep_bytes=RESPONSE_MAX_BYTES)

    assert isinstance(usual, Reply)
    assert isinstance(more, Reply)
    assert (len(usual.body), len(more.body)) == (4096, RESPONSE_MAX_BYTES)


async def test_a_long_answer_is_cut_off(serve: Serve, outbound: Outbound) -> None:
    sent_bytes, over = 0, asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent_bytes
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while sent_bytes < 30 << 20:
                await response.write(b"x" * 65536)
                sent_bytes += 65536
        finally:
            over.set()
        return response

    failure = failed(await post(outbound, await serve(handler)))
    await asyncio.wait_for(over.wait(), 5)

    assert failure.kind == "too_large"
    assert failure.reply is not None
    assert (failure.reply.status, len(failure.reply.body)) == (200, 4096)
    assert sent_bytes < 20 << 20  # the rest is what buffers between two sockets hold


async def test_a_gzip_bomb_stays_folded(serve: Serve, outbound: Outbound) -> None:
    bomb = gzip.compress(b"\0" * (20 << 20))

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    reply = await outbound.send("POST", await serve(handler), {}, b"", 5, keep_bytes=65536)

    assert isinstance(reply, Reply)
    assert reply.body == bomb


async def test_a_redirect_is_an_answer_like_any_other(serve: Serve, outbound: Outbound) -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    reply = await post(outbound, await serve(handler))

    assert isinstance(reply, Reply)
    assert (reply.status, seen) == (307, ["/hook"])


async def test_cookies_are_not_kept(serve: Serve, outbound: Outbound) -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "a=b"})

    url = (await serve(handler)).replace("127.0.0.1", "named.test")
    async with Outbound(LOCAL, lookup=answering("127.0.0.1")) as client:
        await post(client, url)
        await post(client, url)

    assert seen == [None, None]


async def test_the_time_limit_holds_for_the_body_too(serve: Serve, outbound: Outbound) -> None:
    gone = asyncio.Event()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b".")
                await asyncio.sleep(0.02)
        finally:
            gone.set()

    failure = failed(await post(outbound, await serve(drip), timeout_s=0.2))

    assert failure.kind == "timeout"
    assert failure.reply is not None
    assert failure.reply.status == 200
    assert set(failure.reply.body) == set(b".")
    assert 150 < failure.duration_ms < 2000
    await asyncio.wait_for(gone.wait(), 5)


async def test_a_server_that_never_answers_times_out(serve: Serve, outbound: Outbound) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    failure = failed(await post(outbound, await serve(hang), timeout_s=0.1))

    assert (failure.kind, failure.reply) == ("timeout", None)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "protocol"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 5000 + b"\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "protocol"),
    ],
)
async def test_what_is_not_http_is_a_failure(answer: bytes, kind: str, outbound: Outbound) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\nbody")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        failure = failed(await post(outbound, f"http://127.0.0.1:{port}/"))

    assert failure.kind == kind


async def test_nobody_listening_is_a_failure_to_connect(outbound: Outbound) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        failure = failed(await post(outbound, f"http://127.0.0.1:{port}/"))

    assert failure.kind == "connect"
    assert "127.0.0.1" not in failure.message


async def test_a_name_without_addresses_is_a_dns_failure() -> None:
    async with Outbound(LOCAL) as client:
        for host in ("nowhere.invalid", "a" * 64 + ".invalid", "a..b.invalid"):
            assert failed(await post(client, f"http://{host}/")).kind == "dns"


async def test_a_request_too_large_is_not_sent(serve: Serve, outbound: Outbound) -> None:
    async def handler(_: web.Request) -> web.Response:
        raise AssertionError("it arrived")

    url = await serve(handler)
    failure = failed(await outbound.send("POST", url, {}, b"x" * (257 << 10), 5))

    assert failure.kind == "refused"


# ---- addresses


def answering(*answers: str) -> Lookup:
    """A resolver that gives the first answer first, then the next, and stays with the last."""
    remaining = [answer.split() for answer in answers]

    async def lookup(_host: str, _family: int) -> list[str]:
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return lookup


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.0.0.2"])
async def test_an_address_in_the_url_is_vetted(address: str, unused_tcp_port: int) -> None:
    async with Outbound(Policy(allow_http=True)) as client:
        failure = failed(await post(client, f"http://{address}:{unused_tcp_port}/"))

    assert failure.kind == "refused"
    assert address.strip("[]") not in failure.message


@pytest.mark.parametrize("address", ["127.0.0.2", "::1", "169.254.169.254"])
def test_no_socket_is_made_for_a_refused_address(address: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011  it has no words, so that none can leak
        Vetting(LOCAL, None).socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80)))


@pytest.mark.parametrize(
    "answer", ["10.0.0.1", "::1", "127.0.0.1 169.254.169.254", "8.8.8.8 fd00:ec2::254"]
)
async def test_a_name_is_refused_when_any_of_its_addresses_is(answer: str) -> None:
    async with Outbound(LOCAL, lookup=answering(answer)) as client:
        failure = failed(await post(client, "http://named.test/"))

    assert failure.kind == "refused"
    assert not any(part in failure.message for part in answer.split())


async def test_the_address_that_is_dialled_is_the_one_that_was_vetted() -> None:
    """DNS says an allowed address first, then a refused one, at which a server is listening."""
    reached: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(writer.get_extra_info("sockname")[0])
        await reader.readuntil(b"\r\n\r\nbody")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    allowed = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = allowed.sockets[0].getsockname()[1]
    inside = await asyncio.start_server(talk, "127.0.0.2", port)
    async with allowed, inside:
        async with Outbound(LOCAL, lookup=answering("127.0.0.1", "127.0.0.2")) as client:
            first = await post(client, f"http://rebinding.test:{port}/")
            again = await post(client, f"http://rebinding.test:{port}/")
        async with Outbound(LOCAL, lookup=answering("127.0.0.2")) as client:
            inward = await post(client, f"http://rebinding.test:{port}/")

    assert isinstance(first, Reply)
    assert isinstance(again, Reply)  # what was vetted is remembered; DNS is not asked in between
    assert failed(inward).kind == "refused"
    assert reached == ["127.0.0.1", "127.0.0.1"]


async def test_a_server_reached_by_name_is_the_vetted_one_among_several(serve: Serve) -> None:
    """Several addresses are tried in turn; each is one that the policy allows."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["Host"])

    port = (await serve(handler)).split(":")[2].split("/")[0]
    both = Policy(allow_http=True, allow_networks=(ip_network("127.0.0.0/30"),))
    async with Outbound(both, lookup=answering("127.0.0.3 127.0.0.1")) as client:
        reply = await post(client, f"http://named.test:{port}/")

    assert isinstance(reply, Reply)
    assert reply.body == f"named.test:{port}".encode()


SEND_ONCE = """
import asyncio, sys
from ipaddress import ip_network
from tillgate.kit.networks import Policy
from tillgate.kit.outbound import Outbound

async def main():
    policy = Policy(allow_http=True, allow_networks=(ip_network("127.0.0.1/32"),))
    async with Outbound(policy) as client:
        print((await client.send("GET", sys.argv[1], {}, None, 5)).status)

asyncio.run(main())
"""


async def test_the_environments_proxy_is_not_used(serve: Serve) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=204)

    url, proxy = await serve(handler), "http://127.0.0.1:1"
    environ = {**os.environ, "HTTP_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": ""}
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SEND_ONCE, url, stdout=asyncio.subprocess.PIPE, env=environ
    )
    said, _ = await program.communicate()

    assert said == b"204\n"


# ---- TLS


class Authority:
    """A certificate authority of this test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self._made = 0
        self.certificate = self._sign(self._name, self._key, authority=True)

    def server(self, *, days: int = 1, address: str = "127.0.0.1") -> ssl.SSLContext:
        """What a server with a certificate for this address offers; negative days: expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        certificate = self._sign(name, key, authority=False, days=days, address=address)
        self._made += 1
        path = self._folder / f"{self._made}.pem"
        path.write_bytes(
            certificate.public_bytes(Encoding.PEM)
            + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def client(self) -> ssl.SSLContext:
        pem = self.certificate.public_bytes(Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool,
        days: int = 1, address: str | None = None,
    ) -> x509.Certificate:  # fmt: skip
        now = clock.now()
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=10))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if address is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def over_tls(context: ssl.SSLContext, client: Outbound) -> Reply | Failure:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"secure")

    app = web.Application()
    app.router.add_post("/", handler)
    server = TestServer(app, host="127.0.0.1", scheme="https")
    await server.start_server(ssl=context)
    try:
        return await post(client, str(server.make_url("/")))
    finally:
        await server.close()


async def test_a_trusted_certificate_is_accepted(authority: Authority) -> None:
    async with Outbound(LOCAL, tls=authority.client()) as client:
        reply = await over_tls(authority.server(), client)

    assert isinstance(reply, Reply)
    assert reply.body == b"secure"


async def test_bad_certificates_are_refused_with_their_reason(authority: Authority) -> None:
    async with Outbound(LOCAL, tls=authority.client()) as client:
        expired = await over_tls(authority.server(days=-1), client)
        foreign = await over_tls(authority.server(address="127.0.0.9"), client)
    async with Outbound(LOCAL) as client:
        unknown = await over_tls(authority.server(), client)

    assert [failed(result).kind for result in (expired, foreign, unknown)] == ["tls"] * 3
    assert "expired" in failed(expired).message
    assert "mismatch" in failed(foreign).message


async def test_plain_http_behind_https_is_a_tls_failure(serve: Serve, outbound: Outbound) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    url = (await serve(handler)).replace("http://", "https://")

    assert failed(await post(outbound, url)).kind == "tls"
