"""The ledger: Solidity sources, compiled artifacts, and what both sides need to speak to them."""
