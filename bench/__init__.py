"""How fast Tillgate is, beside floors in the same run: see docs/guides/speed.md.

Run by `make bench`. Linux only: CPU and memory are read from /proc.
"""
