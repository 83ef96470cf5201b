"""What users have with a merchant: credits, debits, holds, limits, statements."""
