"""Pledges over receipts: the steps of publicity as the ledger has them, and the acts that take them."""
