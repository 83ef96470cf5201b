"""Callbacks: the pure commands, and the door."""
