"""The routes of pledges are tested on the same bank as loans."""

from tests.backend.loans.conftest import bank, callers

__all__ = ["bank", "callers"]
