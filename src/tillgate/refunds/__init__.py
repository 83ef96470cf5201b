"""Money on its way back to payers."""
