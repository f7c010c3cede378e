"""What is remembered of a loan, and the queries on it."""
