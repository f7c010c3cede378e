"""Electronic warehouse receipts: their document, their life on the ledger, the orders that open a gate."""
