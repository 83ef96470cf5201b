"""Connections: how they are configured, and which one a payment takes."""
