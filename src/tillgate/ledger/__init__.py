"""Accounts, transfers, holds, wallets: double entry, one row per transfer."""
