"""Somebody at the bank's API, who asks again while nobody answers and hears refusals by their names."""

import time
import uuid
from typing import Any, Final

import httpx

from backend.errors import TallystickError, Unavailable

PATIENCE_S: Final = 60.0
PAUSE_S: Final = 0.1
AWAY: Final = frozenset({502, 503, 504})


class ApiSilent(Unavailable):
    """The API did not answer for as long as the story waits for anything."""

    code = "story.api_silent"


class ApiRefused(TallystickError):
    """The API refused what the story asked for."""

    code = "story.api_refused"

    def __init__(self, *, refusal: str, status_code: int, **facts: Any) -> None:
        self.refusal = refusal
        self.status_code = status_code
        super().__init__(refusal=refusal, status_code=status_code, **facts)


class Client:
    """One caller. A request that may change something keeps its key however often it must be sent."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=20, trust_env=False)

    def get(self, path: str, **query: Any) -> Any:
        """What is found there.

        Raises:
            ApiRefused: with the refusal's own name and facts.
            ApiSilent: nobody answered in time.
        """
        return self._ask("GET", path, params=query).json()

    def post(self, path: str, body: object = None, *, key: str | None = None) -> Any:
        """The answer to a request with a JSON body; raises as `get` does."""
        return self._ask("POST", path, json=body or {}, headers=_named(key)).json()

    def put(self, path: str, body: object) -> None:
        """Put something in the place of what was there; raises as `get` does."""
        self._ask("PUT", path, json=body)

    def send(self, path: str, content: bytes, media_type: str) -> Any:
        """The answer to a request whose body is a file; raises as `get` does."""
        headers = _named(None) | {"Content-Type": media_type}
        return self._ask("POST", path, content=content, headers=headers).json()

    def fetch(self, path: str) -> bytes:
        """A file from there; raises as `get` does."""
        return self._ask("GET", path).content

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()

    def _ask(self, method: str, path: str, **asked: Any) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self._http.request(method, path, **asked)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise ApiSilent(method=method, path=path, why=type(error).__name__) from error
            else:
                refusal = _refusal(answer)
                if refusal is None:
                    return answer
                if not _may_pass(refusal) or time.monotonic() > deadline:
                    raise refusal
            time.sleep(PAUSE_S)


def _named(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def _refusal(answer: httpx.Response) -> ApiRefused | None:
    if answer.is_success:
        return None
    try:
        said = answer.json()
        return ApiRefused(refusal=said["code"], status_code=answer.status_code, **said["facts"])
    except (ValueError, KeyError, TypeError):
        return ApiRefused(refusal="http", status_code=answer.status_code, said=answer.text[:300])


def _may_pass(refusal: ApiRefused) -> bool:
    """Whether the same request may be taken a moment later: a database or an API on its way back."""
    return refusal.status_code in AWAY and refusal.refusal.startswith(("db.", "http"))
