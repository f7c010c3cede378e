"""Margin: whether goods still cover a loan, what would cure it, and what may leave for what payment."""
