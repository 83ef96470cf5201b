"""The sandbox: a separate program that plays an external payment app. No real money.

It speaks to Tillgate over HTTP alone and imports nothing of it but `kit`.
"""
