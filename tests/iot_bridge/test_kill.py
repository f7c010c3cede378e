"""`kill -9` at any instant loses nothing that was called durable, and repeats nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from iot_bridge.evidence.body import require_body
from iot_bridge.evidence.rederive import root_over
from iot_bridge.evidence.statement import ZERO32, parse_entry, recover, statement_id
from tests.iot_bridge.edge import CAMERA, DOMAIN, IDENTITY, SCALE, Edge

ROOT = Path(__file__).parents[2]
KILLS = 12


def killed_at_some_instant(folder: Path, chance: random.Random) -> list[str]:
    """What the writer called durable before it was killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.iot_bridge.writer_under_fire", str(folder)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        assert first == b"ready\n"
        time.sleep(chance.uniform(0.0, 0.25))
        writer.send_signal(signal.SIGKILL)
        said = writer.stdout.read().decode("ascii")
    return [line for line in said.split("\n")[:-1] if line]


@pytest.mark.timeout(240)
def test_a_writer_killed_at_random_instants_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    chance = random.Random(20_260_101)  # noqa: S311 - instants to kill at, no secret
    durable: list[str] = []
    for _ in range(KILLS):
        durable += killed_at_some_instant(tmp_path, chance)
    assert len(durable) > KILLS
    edge = Edge(tmp_path)
    size = edge.spool.size()
    entries = edge.spool.entries(0, size)
    signed = [parse_entry(entry) for entry in entries[1:]]
    ids = [statement_id(each.statement) for each in signed]

    assert entries[0] == IDENTITY.genesis()
    for line in durable:
        index, seq, device, name = line.split(" ")
        found = signed[int(index) - 1].statement
        assert (found.device, found.seq, ids[int(index) - 1].hex()) == (device, int(seq), name)
    assert len(set(ids)) == len(ids)
    assert len(ids) - len(durable) <= KILLS, "at most the one under way at each kill was not said"
    for device in (CAMERA, SCALE):
        own = [each for each in signed if each.statement.device == device.name]
        assert [each.statement.seq for each in own] == list(range(1, len(own) + 1))
        assert own[0].statement.prev == ZERO32
        assert all(after.statement.prev == statement_id(before.statement) for before, after in pairwise(own))
        assert {recover(each, DOMAIN) for each in own} == {device.signer.address}
    assert edge.spool.root(size) == root_over(entries)
    for message in edge.spool.unacknowledged(most=size):
        require_body(message.signed().statement, message.body)
    assert edge.spool.waiting() == size - 1
    edge.spool.close()
