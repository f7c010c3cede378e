"""What decides about a loan, as pure functions: no clock, no database, no network."""
