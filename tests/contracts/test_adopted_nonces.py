"""A book that is older than the ledger signs nothing under a nonce that was used without it."""

from pathlib import Path

from contracts.outgoing import Book, Entry, Signed

SENDER, OTHER = "0x" + "aa" * 20, "0x" + "bb" * 20


def signed(nonce: int, tx_hash: bytes) -> Signed:
    return Signed(nonce, tx_hash, b"raw", 1, 1, 0.0)


def test_an_adopted_nonce_is_kept_and_never_lowered(tmp_path: Path) -> None:
    book = Book(tmp_path / "outgoing.sqlite", 1)
    with book.transaction():
        book.keep(Entry("a", SENDER, 2, None, b"", 21_000), signed(2, b"\x01" * 32))
    assert book.next_nonce(SENDER, 0) == 3
    book.adopt(SENDER, 7)
    book.adopt(SENDER, 5)
    book.close()
    again = Book(tmp_path / "outgoing.sqlite", 1)
    assert again.next_nonce(SENDER, 0) == 7
    assert again.next_nonce(SENDER, 9) == 9
    assert again.next_nonce(OTHER, 0) == 0
    assert (again.key_of(b"\x01" * 32), again.key_of(b"\x02" * 32)) == ("a", None)
    assert (again.key_at(SENDER, 2), again.key_at(SENDER, 3)) == ("a", None)
    again.close()
