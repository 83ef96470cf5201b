"""Ports of loopback: which are free."""

import errno
import socket

HOST = "127.0.0.1"
PORT_MAX = 65535


def free_port() -> int:
    """Any port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def is_free(port: int) -> bool:
    """Whether a server could listen there. Raises OSError when this user may not at all."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def near(port: int) -> int:
    """This port, or any free one when it is taken."""
    return port if port <= PORT_MAX and is_free(port) else free_port()
