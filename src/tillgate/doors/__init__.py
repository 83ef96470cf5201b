"""Doors: other gateways' addresses and shapes, translated onto our own commands and reads.

Each package in here is one door and can be deleted; whatever is there is opened. No rules live in
a door, and nothing imports one.
"""

from tillgate.doors.entrance import Doors

__all__ = ["Doors"]
