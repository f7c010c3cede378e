"""What decides about prices and values, as pure functions: no clock, no database, no network."""
