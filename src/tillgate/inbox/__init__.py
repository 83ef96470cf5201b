"""The inbox: a separate program that stands for the merchant's own server and shows its webhooks.

It imports nothing of Tillgate but `kit`, keeps everything in memory and verifies no signatures.
"""
