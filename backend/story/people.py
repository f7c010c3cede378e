"""The people of the story come in as people do: one sets the installation up, and lets the others in.

Each gets a first password, changes it for one of their own, and signs in; what the story does from then on is
done as one of them.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from backend.story.client import Client
from backend.story.world import FIRST, KINDS, PEOPLE, World


@dataclass(frozen=True, slots=True)
class Admission:
    """The API's door, and the password with which the first administrator was set up."""

    url: str
    world: World
    password: str

    def admit_everybody(self) -> dict[str, Client]:
        """Everybody signed in, by their names; their passwords are kept in `people.json`, for them alone."""
        first = self._signed_in(FIRST, self.password)
        passwords = {FIRST: self.password}
        administrators = {"bank": first}
        for party, kind in KINDS.items():
            organisation = self.world.parties[party]
            first.post("/v1/organisations", {"id": organisation, "kind": kind})
            name = f"{party}-administrator"
            passwords[name] = self._admit(first, name, ("administrator",), organisation)
            administrators[party] = self._signed_in(name, passwords[name])
        for party, people in PEOPLE.items():
            for name, roles in people.items():
                passwords[name] = self._admit(administrators[party], name, roles, self.world.parties[party])
        self._keep(passwords)
        for client in administrators.values():
            client.close()
        return {name: self._signed_in(name, own) for name, own in passwords.items()}

    def _admit(self, by: Client, name: str, roles: tuple[str, ...], organisation: str) -> str:
        """Admit somebody, who takes a password of their own; that password."""
        asked = {"id": name, "roles": sorted(roles), "organisation": organisation}
        told = by.post("/v1/people", asked)["first_password"]
        own = secrets.token_urlsafe(18)
        client = self._signed_in(name, told)
        client.put("/v1/me/password", {"old": told, "new": own})
        client.close()
        return own

    def _signed_in(self, person: str, password: str) -> Client:
        door = Client(self.url)
        session = door.post("/v1/sessions", {"person": person, "password": password})
        door.close()
        return Client(self.url, session["token"])

    def _keep(self, passwords: Mapping[str, str]) -> None:
        file = self.world.folder / "people.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(passwords, indent=1), encoding="utf-8")
