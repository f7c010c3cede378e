"""Every capability's tables, imported so that the migrations can be compared with all of them."""

from sqlalchemy import MetaData

import backend.alerts.tables
import backend.app.tables
import backend.backup.tables
import backend.chain.tables
import backend.documents.tables
import backend.evidence.tables
import backend.identity.accounts
import backend.identity.credentials
import backend.identity.tables
import backend.loans.tables.book
import backend.loans.tables.loan
import backend.margin.tables
import backend.notices.tables
import backend.parties.tables
import backend.payments.tables
import backend.pledges.tables
import backend.receipts.tables
import backend.valuation.tables
import backend.web.tables  # noqa: F401 - each is imported for the tables that it declares
from backend.db import metadata


def every_table() -> MetaData:
    """The tables of all capabilities."""
    return metadata()
