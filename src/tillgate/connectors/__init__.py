"""One module per processor's protocol; nothing else in the house knows how a processor speaks."""
