"""What a person must hear when a command cannot go on."""


class Failure(Exception):
    """Words for a person. They go to stderr, and the program ends with status 1."""
