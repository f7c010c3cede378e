"""One value, one text: the same as the reference implementation writes, and nothing else is read."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from iot_bridge.evidence.canonical import MAX_INTEGER, canonical, parse_canonical, read_json
from iot_bridge.evidence.errors import EvidenceRefused

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.one_of(TEXT, st.booleans(), st.integers(-MAX_INTEGER, MAX_INTEGER))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=30,
)
ASTRAL_BEFORE_BMP = {"\U0001f600": 1, "\uffee": 2}


@given(VALUES)
@settings(deadline=None)
def test_the_bytes_are_those_of_the_reference_implementation(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def test_keys_are_ordered_by_utf_16_units_where_code_points_would_order_otherwise() -> None:
    assert canonical(ASTRAL_BEFORE_BMP) == rfc8785.dumps(ASTRAL_BEFORE_BMP)
    assert json.dumps(ASTRAL_BEFORE_BMP, sort_keys=True, ensure_ascii=False) != canonical(
        ASTRAL_BEFORE_BMP
    ).decode("utf-8")


@given(VALUES)
@settings(deadline=None)
def test_what_was_written_reads_back_as_the_same_value(value: Any) -> None:
    assert parse_canonical(canonical(value)) == value


@given(VALUES, st.data())
@settings(deadline=None)
def test_one_changed_byte_is_another_value_or_refused(value: Any, data: st.DataObject) -> None:
    text = bytearray(canonical(value))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= data.draw(st.integers(1, 255))
    try:
        found = parse_canonical(bytes(text))
    except EvidenceRefused:
        return
    assert canonical(found) == bytes(text) != canonical(value)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1.0, "body.number_not_integer"),
        (None, "body.type_not_canonical"),
        (b"bytes", "body.type_not_canonical"),
        ({1: "a"}, "body.type_not_canonical"),
        (1 << 53, "body.integer_too_large"),
        (-(1 << 53), "body.integer_too_large"),
        ("\ud800", "body.text_malformed"),
        ({"\udfff": 1}, "body.text_malformed"),
    ],
)
def test_a_value_of_another_type_is_not_written(value: Any, code: str) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        canonical([value])
    assert refused.value.code == code


@pytest.mark.parametrize("levels", [33, 5_000, 100_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'["]",', b'["\\"]",'])
def test_nesting_beyond_measure_is_refused_before_it_is_read(levels: int, opening: bytes) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        read_json(opening * levels)
    assert refused.value.code == "body.text_malformed"


def test_nesting_beyond_measure_is_not_written() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(EvidenceRefused) as refused:
        canonical(deep)
    assert refused.value.code == "body.text_malformed"


def test_many_brackets_beside_each_other_or_in_text_are_no_nesting() -> None:
    value = [[[]] * 50, '[[[[{{{{"[[' * 20, {"{": "["}]
    assert parse_canonical(canonical(value)) == value


def test_an_integer_of_many_digits_is_refused_before_it_is_computed() -> None:
    with pytest.raises(EvidenceRefused) as refused:
        parse_canonical(b"9" * 100_000)
    assert refused.value.code == "body.integer_too_large"
