"""The bank put together: what each capability needs from the others, and the process that serves it.

Only this layer knows all capabilities; it decides nothing itself.
"""

from backend.app.bank import Bank

__all__ = ["Bank"]
