"""Chance at the edge. Below the edge it comes in as an argument."""

import os


def fraction() -> float:
    """At least 0, below 1, in steps of 2^-53."""
    return (int.from_bytes(os.urandom(7)) >> 3) / (1 << 53)


def secret(size_bytes: int) -> bytes:
    """Unguessable bytes from the operating system."""
    return os.urandom(size_bytes)
