"""Payments: money leaves by an intent and a rail, comes in by a statement line, and is never moved twice."""
