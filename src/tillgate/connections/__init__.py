"""A merchant's configured processors, and which one a payment uses."""
