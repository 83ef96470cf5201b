"""Python's garbage collector, told what a server knows: what it has loaded, it keeps."""

import gc

YOUNG_MAX = 20_000
"""So many new objects before the collector looks at them: a request makes hundreds, and counting
references frees all but a few."""


def settle() -> None:
    """To be called once a program is ready. What is alive then is never looked at again.

    Else the collector walks every loaded module several times a minute, and all requests wait.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, 10, 10)
