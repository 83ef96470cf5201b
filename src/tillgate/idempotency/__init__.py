"""One key, one object: the gate that stands in front of every wish with an `Idempotency-Key`."""
