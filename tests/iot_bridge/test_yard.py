"""Advices, fingerprints and the fusion's memory: what is expected, what is open, what waits for people."""

import os
from pathlib import Path

import pytest

from iot_bridge.advices import AdviceMalformed, read_advices
from iot_bridge.evidence.body import parse_body
from iot_bridge.evidence.errors import FingerprintKeyWeak, FingerprintPartEmpty
from iot_bridge.evidence.fingerprint import fingerprint, normalised
from iot_bridge.fuse import Movement, Rules, Unclear
from iot_bridge.fusing import Fusion
from iot_bridge.yard import SpoolMissing, TagInUse, Yard, note, reviews_in
from tests.iot_bridge.edge import Edge, crossing, ticket

KEY = bytes(range(32))
HEADER = "tag,mill,heat,coil,mass_kg\n"
TWO_COILS = HEADER + "7,Baosteel Shanghai,H24-1187,C0001,23940\n,Shagang,9917,C0002,18200\n"


def piece(mill: str = "Baosteel", heat: str = "H24-1187", coil: str = "C0001") -> bytes:
    return fingerprint(mill=mill, heat=heat, coil=coil, key=KEY)


@pytest.mark.parametrize(
    "other",
    [
        {"mill": "BAOSTEEL"},
        {"mill": " bao steel "},
        {"mill": "ba0steel"},
        {"heat": "h24 1187"},
        {"heat": "H24/II87"},
        {"heat": "H24-1l87"},
        {"coil": "COOO1"},
        {"coil": "Ｃ０００１"},  # noqa: RUF001 - full-width letters, as a form may have them
        {"coil": "С0001"},  # noqa: RUF001 - a Cyrillic letter
    ],
)
def test_a_piece_written_another_way_has_the_same_fingerprint(other: dict[str, str]) -> None:
    assert piece(**other) == piece()


@pytest.mark.parametrize(
    "other", [{"coil": "C0002"}, {"heat": "H24-1188"}, {"mill": "Shagang"}, {"mill": "宝钢"}]
)
def test_another_piece_has_another_fingerprint(other: dict[str, str]) -> None:
    assert piece(**other) != piece()


def test_a_digit_cannot_move_from_heat_to_coil_unnoticed() -> None:
    assert piece(heat="H24-11871", coil="C0001") != piece(heat="H24-1187", coil="1C0001")


def test_another_network_key_gives_another_fingerprint() -> None:
    assert fingerprint(mill="a", heat="b", coil="c", key=KEY) != fingerprint(
        mill="a", heat="b", coil="c", key=bytes(32)
    )


def test_mill_names_in_chinese_are_kept() -> None:
    assert normalised("宝钢 （上海）") == "宝钢上海"  # noqa: RUF001 - brackets as written there


def test_a_part_without_letter_or_digit_is_refused() -> None:
    with pytest.raises(FingerprintPartEmpty) as refused:
        piece(heat=" - ")
    assert refused.value.facts == {"part": "heat"}


def test_a_short_network_key_is_refused() -> None:
    with pytest.raises(FingerprintKeyWeak):
        fingerprint(mill="a", heat="b", coil="c", key=KEY[:31])


def dropped(folder: Path, text: str, name: str = "today.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_an_advice_file_names_pieces_with_and_without_tags(tmp_path: Path) -> None:
    tagged, plain = read_advices(dropped(tmp_path, "\ufeff" + TWO_COILS), KEY)
    assert (tagged.tag, tagged.mass_kg, tagged.coil) == (7, 23_940, "C0001")
    assert plain.tag is None
    assert tagged.fingerprint == piece(mill="Baosteel Shanghai")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tag,mill,heat,coil\n7,a,b,c\n",
        HEADER + "7,a,b,c\n",
        HEADER + "7,a,b,c,1.5\n",
        HEADER + "7,a,b,c,-1\n",
        HEADER + "7,a,b,c,0\n",
        HEADER + "seven,a,b,c,1\n",
        HEADER + "7,a,,c,1\n",
        HEADER + "7,a,b,c,1\n7,a,b,d,1\n",
        HEADER + "7,a,b,c,1\n8,A,B,C,1\n",
        HEADER + "7,a,b,c,１\n",  # noqa: RUF001 - a full-width digit
    ],
)
def test_an_advice_file_of_another_form_is_refused_whole(tmp_path: Path, text: str) -> None:
    with pytest.raises(AdviceMalformed):
        read_advices(dropped(tmp_path, text), KEY)


def test_an_advice_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    file = dropped(tmp_path, "")
    file.write_bytes(HEADER.encode() + "7,宝钢,b,c,1\n".encode("gb18030"))
    with pytest.raises(AdviceMalformed):
        read_advices(file, KEY)


def fusion(edge: Edge, rules: Rules | None = None) -> Fusion:
    return Fusion(
        Yard(edge.spool),
        edge.recorder,
        device="fusion-1",
        rules=rules or Rules(),
        advices=edge.folder / "advices",
        key=KEY,
    )


def advised(edge: Edge, text: str = TWO_COILS) -> Fusion:
    """A fusion that has taken an advice file dropped long ago."""
    at_work = fusion(edge)
    at_work._yard.expect(read_advices(dropped(edge.folder, text), KEY))
    return at_work


def recorded(
    edge: Edge, at_ms: int, net_kg: int, direction: str = "in", tags: tuple[int, ...] = (7,)
) -> None:
    edge.recorder.record("gate-cam-1", crossing(at_ms, direction, tags), note)
    edge.recorder.record("weighbridge-1", ticket(at_ms + 10_000, net_kg), note)


def test_a_coil_enters_and_leaves_once_each_over_restarts(edge: Edge) -> None:
    at_work = advised(edge)
    recorded(edge, 1000, 23_950)
    assert [type(each) for each in at_work.step(12_000)] == [Movement]
    assert at_work.step(13_000) == []
    edge.restart()
    at_work = fusion(edge)
    assert at_work.step(14_000) == []
    recorded(edge, 600_000, 23_950, "out")
    edge.restart()
    at_work = fusion(edge)
    found = at_work.step(611_000)
    assert [each.direction for each in found if isinstance(each, Movement)] == ["out"]
    said = [message.signed().statement for message in edge.spool.unacknowledged()]
    movements = [each for each in said if each.device == "fusion-1"]
    assert [(each.kind, each.seq, each.quantity) for each in movements] == [
        ("movement.in", 1, 23_950),
        ("movement.out", 2, 23_950),
    ]
    assert {each.subject for each in movements} == {piece(mill="Baosteel Shanghai")}


def test_a_movement_names_the_statements_it_rests_on(edge: Edge) -> None:
    at_work = advised(edge)
    recorded(edge, 1000, 23_950)
    at_work.step(12_000)
    messages = edge.spool.unacknowledged()
    from_log = ["0x" + each.hex() for each in (edge_ids(edge)[:2])]
    assert parse_body("movement.in", messages[-1].body).fields["rests_on"] == from_log


def edge_ids(edge: Edge) -> list[bytes]:
    with edge.spool.reading() as connection:
        return [
            row[0]
            for row in connection.execute("SELECT id FROM entry WHERE log_index > 0 ORDER BY log_index")
        ]


def test_what_cannot_be_told_is_set_aside_once_with_its_reason(edge: Edge) -> None:
    at_work = advised(edge)
    recorded(edge, 1000, 18_000)
    assert at_work.step(12_000) == []
    assert {type(each) for each in at_work.step(999_000)} == {Unclear}
    assert at_work.step(999_999) == []
    reviews = Yard(edge.spool).reviews()
    assert reviews_in(edge.folder / "spool.sqlite") == reviews
    assert len(reviews) == 2
    assert all("the scale read 18000 kg" in each.reason for each in reviews)
    assert edge.spool.position("fusion-1").seq == 0


def test_reviews_of_a_bridge_that_never_ran_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SpoolMissing):
        reviews_in(tmp_path / "spool.sqlite")


def test_advices_dropped_in_the_folder_are_taken_and_bad_ones_put_aside(edge: Edge) -> None:
    at_work = fusion(edge)
    for name, text in (("a.csv", TWO_COILS), ("b.csv", "nonsense"), ("c.csv", HEADER + "7,x,y,z,5\n")):
        os.utime(dropped(edge.folder / "advices", text, name), (1, 1))
    dropped(edge.folder / "advices", TWO_COILS, "fresh.csv")
    at_work.step(1)
    folder = edge.folder / "advices"
    assert [each.name for each in (folder / "taken").iterdir()] == ["a.csv"]
    assert sorted(each.name for each in (folder / "refused").iterdir()) == ["b.csv", "c.csv"]
    assert (folder / "fresh.csv").exists(), "it may still be being written"
    assert len(Yard(edge.spool).pieces()) == 2


def test_a_tag_that_another_piece_carries_is_refused_and_nothing_of_its_file_is_taken(edge: Edge) -> None:
    yard = Yard(edge.spool)
    yard.expect(read_advices(dropped(edge.folder, TWO_COILS), KEY))
    with pytest.raises(TagInUse):
        yard.expect(read_advices(dropped(edge.folder, HEADER + "8,x,y,z,5\n7,x,y,w,5\n"), KEY))
    assert len(yard.pieces()) == 2


def test_a_piece_that_left_may_be_advised_again_and_one_on_site_stays_on_site(edge: Edge) -> None:
    at_work, yard = advised(edge), Yard(edge.spool)
    advices = read_advices(dropped(edge.folder, TWO_COILS), KEY)
    recorded(edge, 1000, 23_950)
    at_work.step(12_000)
    yard.expect(advices)
    assert sorted(each.state for each in yard.pieces()) == ["expected", "on_site"]
    recorded(edge, 600_000, 23_950, "out")
    at_work.step(611_000)
    assert [each.state for each in yard.pieces()] == ["expected"]
    yard.expect(advices)
    assert [each.state for each in yard.pieces()] == ["expected", "expected"]
