"""The payer's pages: what a person sees between a merchant's shop and a processor's page."""
