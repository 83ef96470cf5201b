"""The rules of the house, as tests: what is written here and in CONTRIBUTING.md must be so."""
