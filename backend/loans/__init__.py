"""Loans: the product they are made under, what they owe to the minor unit, their book and their life."""
