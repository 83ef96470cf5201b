"""Tests of webhooks out: real database, real receivers."""
