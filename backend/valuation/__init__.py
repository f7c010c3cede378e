"""Valuation: what goods are worth by signed, fresh prices, and how much debt they may carry."""
