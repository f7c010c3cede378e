"""Media on pages: whose site it is sees them; they are drawn, kept, and never run."""

from backend.console.pages.media import KEPT, media_url
from backend.evidence.rules import MediaUnknown, StatementUnknown
from tests.backend.console.conftest import Client
from tests.backend.console.house import House


def still_of(house: House) -> str:
    there = house.there.values
    return media_url(there["/v1/media/{sha256} sha256"], there["statement"])


def test_a_still_is_drawn_and_kept_by_the_readers_own_browser(browse: Client, house: House) -> None:
    answer = browse("officer").get(still_of(house))
    assert (answer.status_code, answer.content) == (200, b"a still of the gate")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == KEPT
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "content-disposition" not in answer.headers


def test_who_does_not_see_the_site_sees_no_still_of_it(browse: Client, house: House) -> None:
    assert browse("operator").get(still_of(house)).status_code == 200
    for reader, status in (("borrower", (403, 404)), ("administrator", (403,)), ("", (303,))):
        assert browse(reader).get(still_of(house)).status_code in status, reader


def test_what_the_statement_does_not_name_is_not_found(browse: Client, house: House) -> None:
    there, client = house.there.values, browse("officer")
    other = client.get(media_url("0x" + "11" * 32, there["statement"]))
    assert (other.status_code, MediaUnknown.code in other.text) == (404, True)
    unsaid = client.get(media_url(there["/v1/media/{sha256} sha256"], "0x" + "22" * 32))
    assert (unsaid.status_code, StatementUnknown.code in unsaid.text) == (404, True)
