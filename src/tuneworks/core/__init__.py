"""The nouns, the contracts, the registry, the errors: standard library only."""
