"""What a merchant sells as services, and the sites, providers, that sell them."""
