"""The bank's way to the ledger: confirmed events in, acts out."""
