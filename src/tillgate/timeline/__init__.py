"""All that happened to one payment, in order."""
