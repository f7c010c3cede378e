"""A ledger for one machine: py-evm in SQLite, as JSON-RPC. Its host sets block time: no proof of delay."""
