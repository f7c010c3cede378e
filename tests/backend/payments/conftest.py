"""Payments are tested on the same bank as loans."""

from tests.backend.loans.conftest import bank, drawn, pledged

__all__ = ["bank", "drawn", "pledged"]
