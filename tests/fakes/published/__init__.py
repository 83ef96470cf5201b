"""What Stripe has published of its API, and the judge who holds answers and events against it."""
