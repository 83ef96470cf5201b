"""Money that payers claim back through their bank."""
