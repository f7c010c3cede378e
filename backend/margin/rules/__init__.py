"""What decides about cover, calls, cures and releases: pure functions without clock, database or network."""
