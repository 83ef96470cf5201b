"""Payments, their tries and operations; the state table; how money that arrived is booked."""
