"""What the chain's parts refuse before there is anything to build on."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from backend.chain.actions import confirmed_height
from backend.chain.embedded.process import NobodyFunded, genesis_of
from backend.chain.rules import NotConfirmed
from backend.db import reading


def test_a_new_chain_on_which_nobody_could_pay_does_not_begin(tmp_path: Path) -> None:
    with pytest.raises(NobodyFunded):
        genesis_of(tmp_path, [])


def test_a_bank_that_followed_nothing_has_no_confirmed_height(database: Engine) -> None:
    with reading(database) as session, pytest.raises(NotConfirmed):
        confirmed_height(session)
