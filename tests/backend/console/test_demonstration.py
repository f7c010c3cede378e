"""The demonstration's bar: on every page where there is a demonstration, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend.app.api import create_api
from backend.app.api_serving import DemoNotOnLoopback, serve_api
from backend.console.demonstration import EVENTS, Demonstration, Phase, Playing, Said, Somebody, Wanted, Wish
from backend.console.forms import KEY, FormInvalid
from backend.console.rendering import PageUnknown
from backend.console.session import ForeignForm
from tests.backend.console.conftest import Client
from tests.backend.console.house import HOSTILE, House

RUN = "run-1"
SOMEBODY = Somebody(id="keeper-1", kind="warehouse_operator", roles=("warehouse_keeper",))


@pytest.fixture
def demonstration(tmp_path: Path) -> Demonstration:
    return Demonstration(tmp_path / "demonstration")


@pytest.fixture
def client(house: House, demonstration: Demonstration) -> Iterator[TestClient]:
    """An officer's browser before the house as a demonstration shows it."""
    app = create_api(house.world.bank)
    app.state.ports.offer(Demonstration, demonstration)
    headers = {"Accept": "text/html", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}
    client = TestClient(app, base_url="http://127.0.0.1", headers=headers, follow_redirects=False)
    client.cookies.update(house.cookies("officer"))
    yield client
    client.close()


def playing(phase: Phase = Phase.READY, **more: object) -> Playing:
    return Playing(run=RUN, phase=phase, people=(SOMEBODY,)).model_copy(update=more)


@pytest.mark.parametrize("path", ["/", "/loans", "/sign-in?next=/loans", "/nowhere"])
def test_every_page_shows_what_comes_next_and_lets_anybody_in(
    client: TestClient, demonstration: Demonstration, path: str
) -> None:
    demonstration.show(playing())
    if path.startswith("/sign-in"):
        client.cookies.clear()
    page = client.get(path).text
    assert "Next event: Three coils come in past the gate camera and over the scale" in page
    assert '<button class="quiet" name="person" value="keeper-1"' in page
    assert "0 of 13" in page


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("phase", list(Phase))
def test_the_bar_says_in_each_language_how_far_the_story_is(
    client: TestClient, demonstration: Demonstration, phase: Phase, language: str
) -> None:
    said = (Said(tone="alarm", sentence=HOSTILE),)
    demonstration.show(playing(phase, played=3, said=said, refusal="a.code", why=HOSTILE, look="/loans"))
    page = client.get("/demo/bar", headers={"Accept-Language": language})
    told = {"zh-CN": "共 13 项", "en": "3 of 13"}[language]
    assert (page.status_code, told in page.text, HOSTILE in page.text) == (200, True, False)
    assert 'data-phase="' + phase.value in page.text


def test_a_wish_is_left_for_the_story_and_the_reader_stays_where_they_are(
    client: TestClient, demonstration: Demonstration
) -> None:
    demonstration.show(playing(played=4))
    sent = {KEY: "key-0001", "run": RUN, "played": "4", "back": "/loans"}
    for what in Wanted:
        answer = client.post(f"/demo/{what}", data=sent)
        assert (answer.status_code, answer.headers["location"]) == (303, "/loans")
        assert demonstration.take_wish() == Wish(what=what, run=RUN, played=4)
        assert demonstration.take_wish() is None
    client.post("/demo/next", data=sent | {"back": "//evil.example"})
    assert client.post("/demo/next", data=sent | {"back": "//evil.example"}).headers["location"] == "/"


def test_a_wish_in_another_shape_or_from_elsewhere_is_refused(
    client: TestClient, demonstration: Demonstration
) -> None:
    demonstration.show(playing())
    sent = {KEY: "key-0001", "run": RUN, "played": "many"}
    assert FormInvalid.code in client.post("/demo/next", data=sent).text
    foreign = client.post("/demo/next", data=sent | {"played": "0"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert ForeignForm.code in foreign.text
    assert demonstration.take_wish() is None


@pytest.mark.parametrize("host", ["http://bank.example", "http://127.0.0.1"])
def test_where_there_is_no_demonstration_there_is_no_bar(
    client: TestClient, demonstration: Demonstration, browse: Client, host: str
) -> None:
    demonstration.show(playing())
    client.base_url = host
    reader = browse("officer") if host.endswith("127.0.0.1") else client
    sent = {KEY: "key-0001", "run": RUN, "played": "0"}
    for answer in (reader.get("/demo/bar"), reader.post("/demo/next", data=sent)):
        assert (answer.status_code, PageUnknown.code in answer.text) == (404, True)
        assert 'id="demo"' not in answer.text
    assert demonstration.take_wish() is None


def test_what_lies_there_unreadable_is_no_demonstration(
    client: TestClient, demonstration: Demonstration
) -> None:
    demonstration.show(playing())
    assert demonstration.folder is not None
    (demonstration.folder / "playing.json").write_text("{}", encoding="utf-8")
    assert client.get("/demo/bar").status_code == 404
    assert client.get("/").status_code == 200


def test_a_demonstration_is_served_on_this_machine_alone(house: House, tmp_path: Path) -> None:
    told = {"demo_sign_in": False, "demo_folder": tmp_path}
    with pytest.raises(DemoNotOnLoopback):
        serve_api(house.world.bank.settings.model_copy(update=told), host="0.0.0.0", port=0)  # noqa: S104


def test_the_story_s_events_are_all_named() -> None:
    assert len(set(EVENTS)) == len(EVENTS) == 13
