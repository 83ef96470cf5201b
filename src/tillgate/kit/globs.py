"""Globs: names in which `*` stands for anything."""


def like(glob: str) -> str:
    """The glob as SQL's LIKE reads it."""
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
