"""Tillgate: a self-hosted payment gateway."""
