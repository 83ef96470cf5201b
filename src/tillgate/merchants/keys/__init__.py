"""API keys: what they may do, how long they last, when they were last used."""
