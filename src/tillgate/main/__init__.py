"""The composition root: everything is put together here, and nothing is decided."""
