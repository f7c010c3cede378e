"""Who takes part: parties, persons, sites and devices as the registry has them, and the bank's names."""
