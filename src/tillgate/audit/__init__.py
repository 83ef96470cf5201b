"""Who changed what: one line per change, in the change's own transaction."""
