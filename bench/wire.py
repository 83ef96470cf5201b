"""As much of HTTP/1.1 as a benchmark needs: where a message ends."""

import re

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def whole_bytes(data: bytes) -> int:
    """The size of the first message in `data`, head and body; 0 while it is not whole."""
    head_bytes = data.find(b"\r\n\r\n") + 4
    length = LENGTH.search(data, 0, head_bytes) if head_bytes >= 4 else None
    size_bytes = head_bytes + int(length[1]) if length else 0
    return size_bytes if len(data) >= size_bytes else 0
