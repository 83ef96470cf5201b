"""HTTP to addresses that a merchant chose, webhook endpoints and payment apps alike.

The vetting happens on the addresses that are dialled: whatever a name resolved to before, and
whatever form an address is written in, every socket passes `Vetting.socket`. Redirects are not
followed, bodies not decompressed, cookies not kept, proxies of the environment not used.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from ipaddress import ip_address
from typing import Any, Literal, NamedTuple, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDictProxy

from tillgate.kit import clock
from tillgate.kit.networks import NOT_PUBLIC, Policy, refusal, vet_url

CONNECT_TIMEOUT_S = 5.0
"""For resolving, connecting and TLS together."""

REQUEST_MAX_BYTES = 256 << 10
RESPONSE_MAX_BYTES = 64 << 10
"""What is read of a response; more is a failure, `too_large`."""

KEEP_BYTES = 4 << 10
"""What is kept of it, unless the caller wants more."""

CONNECTIONS_MAX = 512
KEEP_ALIVE_S = 4.0
"""Below the five seconds after which common servers hang up on an idle connection."""

VETTED_MAX = 1024
"""URLs of which it is remembered what was said of them; names are resolved anew all the same."""

RESOLVED_FOR_S = 10
RESOLVERS_MAX = 32
"""Threads that wait for DNS: a name server that hangs holds one of them per name."""

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""(host, address family) → addresses, one at least. Raises OSError when there is none."""

FailureKind = Literal["refused", "dns", "connect", "tls", "timeout", "too_large", "protocol"]


class Reply(NamedTuple):
    """An answer, of whatever status: headers, whatever their case, and the start of the body."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    duration_ms: int


class Failure(NamedTuple):
    """No whole answer. The message may be shown to the merchant: it names no address.

    `reply` is what had arrived before it failed, when that was a head at least.
    """

    kind: FailureKind
    message: str
    duration_ms: int
    reply: Reply | None = None


class Outbound:
    """A client with its connections; made inside a running loop, closed by `close`.

    `lookup` replaces the system's resolver, `tls` the system's trusted authorities.
    """

    def __init__(
        self, policy: Policy, lookup: Lookup | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._vet_url = lru_cache(VETTED_MAX)(partial(vet_url, policy=policy))
        self._vetting = Vetting(policy, lookup)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._vetting,
                socket_factory=self._vetting.socket,
                ttl_dns_cache=RESOLVED_FOR_S,
                limit=CONNECTIONS_MAX,
                keepalive_timeout=KEEP_ALIVE_S,
                ssl=tls or True,
            ),
            headers={"user-agent": "Tillgate"},
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._session.close()
        await self._vetting.close()

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
        keep_bytes: int = KEEP_BYTES,
    ) -> Reply | Failure:
        """One request and its answer, within `timeout_s` for all of it. Never raises for what
        the other side does; `keep_bytes` is bounded by RESPONSE_MAX_BYTES.
        """
        started_s = clock.monotonic_s()
        refused = self._vet_url(url)
        if refused:
            return Failure("refused", refused.message, 0)
        if body is not None and len(body) > REQUEST_MAX_BYTES:
            return Failure("refused", f"The request exceeds {REQUEST_MAX_BYTES} bytes.", 0)
        arriving = _Arriving(started_s, keep_bytes)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(method, url, headers, body, arriving)
        except (aiohttp.ClientError, OSError, _TooLarge) as error:
            kind, message = _explain(error)
            return Failure(kind, message, _since_ms(started_s), arriving.so_far())

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        arriving: "_Arriving",
    ) -> Reply:
        sent = {**headers, "accept-encoding": "identity"}
        async with self._session.request(
            method, url, headers=sent, data=body, allow_redirects=False
        ) as response:
            arriving.head = response
            try:
                while not response.content.at_eof():
                    arriving.take(await response.content.readany())
            except BaseException:
                response.close()  # or it would be drained to reuse the connection
                raise
            return arriving.reply(response)


class _TooLarge(Exception):
    """The response passed RESPONSE_MAX_BYTES."""


class _AddressRefused(OSError):
    """An address that the policy does not allow to be dialled."""


class _Arriving:
    """What has come of an answer so far."""

    def __init__(self, started_s: float, keep_bytes: int) -> None:
        self.head: aiohttp.ClientResponse | None = None
        self._started_s = started_s
        self._keep_bytes = keep_bytes
        self._kept = bytearray()
        self._read_bytes = 0

    def take(self, chunk: bytes) -> None:
        self._read_bytes += len(chunk)
        self._kept += chunk[: max(0, self._keep_bytes - len(self._kept))]
        if self._read_bytes > RESPONSE_MAX_BYTES:
            raise _TooLarge

    def reply(self, head: aiohttp.ClientResponse) -> Reply:
        return Reply(head.status, head.headers, bytes(self._kept), _since_ms(self._started_s))

    def so_far(self) -> Reply | None:
        return None if self.head is None else self.reply(self.head)


class Vetting(AbstractResolver):
    """Names become addresses here, and addresses become sockets: both refuse what is not allowed.

    A name is refused as a whole when one of its addresses is. aiohttp does not ask a resolver
    about addresses in the URL itself; those meet `socket`.
    """

    def __init__(self, policy: Policy, lookup: Lookup | None) -> None:
        self._policy = policy
        self._threads = ThreadPoolExecutor(RESOLVERS_MAX, thread_name_prefix="resolve")
        self._lookup = lookup or self._ask_system

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._lookup(host, family)
        for address in addresses:
            self._vet(address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        self._vet(address[0])
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _vet(self, address: str) -> None:
        if refusal(ip_address(address), self._policy):
            raise _AddressRefused

    async def _ask_system(self, host: str, family: int) -> list[str]:
        loop = asyncio.get_running_loop()
        name = host.encode()  # text would pass through Python's own codec, which raises ValueError
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
        )
        return [str(address[0]) for *_, address in found]


def _explain(error: Exception) -> tuple[FailureKind, str]:
    match error:
        case aiohttp.ClientConnectorError(os_error=_AddressRefused()):
            return "refused", NOT_PUBLIC
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLError() as cause):
            reason = getattr(cause, "verify_message", "it is not valid")
            return "tls", f"The certificate was not accepted: {reason}."
        case _:
            fits = (entry for entry in EXPLANATIONS if isinstance(error, entry[0]))
            return next(fits)[1:]


EXPLANATIONS: tuple[tuple[type[Exception], FailureKind, str], ...] = (
    (aiohttp.ClientConnectorDNSError, "dns", "The host name could not be resolved."),
    (aiohttp.ClientSSLError, "tls", "The TLS handshake failed."),
    (aiohttp.ConnectionTimeoutError, "connect", f"No connection in {CONNECT_TIMEOUT_S:g} seconds."),
    (aiohttp.ClientConnectorError, "connect", "The host refused the connection or is not there."),
    (TimeoutError, "timeout", "No whole answer in time."),
    (_TooLarge, "too_large", f"The answer exceeds {RESPONSE_MAX_BYTES} bytes."),
    (aiohttp.ClientResponseError, "protocol", "The answer is not valid HTTP."),
    (Exception, "protocol", "The connection was closed before the answer was whole."),
)
"""The first that fits. Of `dns`, `tls` and `connect` it is certain that no request was sent."""


def _since_ms(started_s: float) -> int:
    return round((clock.monotonic_s() - started_s) * 1000)
