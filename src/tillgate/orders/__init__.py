"""Orders: what is bought, and how much of it is paid."""
