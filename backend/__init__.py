"""The bank's side: reads the ledger and the evidence to issue, monitor and close short-term loans."""
