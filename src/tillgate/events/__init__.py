"""Immutable facts: their catalogue, their feed, and the wake-ups that say "look again"."""
