"""Processors to test against: small real servers that answer as the real ones do."""
