"""The evidence format: statements, their bodies, the log that holds them, and what proves it. Pure Python.

Knows no camera, broker, database or chain client, so the bank and any auditor may use it alone.
"""
