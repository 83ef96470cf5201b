"""Businesses, their two merchants, and the keys that speak for them."""
