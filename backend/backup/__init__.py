"""Copies of the bank that can be trusted: made while it runs, and read-only until reconciled."""
