"""What is asked and answered about people, organisations and keys; passwords and secrets never come back."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from backend.identity.accounts import SignedIn
from backend.identity.admitting import Admitted
from backend.identity.credentials import ApiKeyRow, OrganisationRow
from backend.identity.permissions import Caller, OrganisationKind, Permission
from backend.identity.rules import Person, Role
from backend.web.work import ToldOnce

PersonName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{2,24}$", max_length=25, examples=["chen.mei"])
]
OrganisationId = Annotated[
    str, Field(pattern=r"^org-[a-z0-9]{4,28}$", max_length=32, examples=["org-4f0c2a9be1d07735"])
]
AnyOrganisation = Annotated[str, Field(pattern=r"^[a-z0-9.-]{3,32}$", max_length=32)]
Password = Annotated[SecretStr, Field(max_length=256, examples=["a long sentence of yours"])]


class Form(BaseModel):
    """A request's body; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


class SignIn(Form):
    """Who signs in; the name is taken as typed, so that a wrong one is refused like a wrong password."""

    person: Annotated[str, Field(min_length=1, max_length=64, examples=["chen.mei"])]
    password: Password


class NewPassword(Form):
    """The password until now, and the one from now on: 12 characters or more."""

    old: Password
    new: Password


class NewOrganisation(Form):
    """An organisation to be known; without an id it gets a fresh one, for its party as well."""

    kind: OrganisationKind
    id: OrganisationId | None = None


class NewPerson(Form):
    """Somebody to be admitted; to the caller's own organisation if none is named."""

    id: PersonName
    roles: Annotated[frozenset[Role], Field(min_length=1, max_length=8)]
    organisation: AnyOrganisation | None = None


class Asked(BaseModel):
    """Whom two administrators admit; roles stand in one order, so that the same is seen to be the same."""

    id: str
    roles: list[Role]


class NewKey(Form):
    """A machine's key: what it may ask for, and until when, at most a year ahead."""

    permissions: Annotated[frozenset[Permission], Field(min_length=1, max_length=60)]
    expires_at: AwareDatetime


class SessionShown(BaseModel):
    """A session; the token is told here and never again."""

    token: str
    person: str
    expires_at: datetime
    must_change_password: bool

    @classmethod
    def of(cls, signed_in: SignedIn) -> "SessionShown":
        """As the API tells it."""
        return cls(
            token=signed_in.token,
            person=signed_in.person,
            expires_at=signed_in.expires_at,
            must_change_password=signed_in.must_change,
        )


class Me(BaseModel):
    """Whom the credential stands for, and what it may ask for."""

    organisation: str
    kind: OrganisationKind
    person: str | None
    key: str | None
    permissions: list[Permission]

    @classmethod
    def of(cls, caller: Caller) -> "Me":
        """As the API tells it."""
        return cls(
            organisation=caller.organisation,
            kind=caller.kind,
            person=caller.person,
            key=caller.key,
            permissions=sorted(caller.permissions),
        )


class OrganisationShown(BaseModel):
    """An organisation."""

    id: str
    kind: OrganisationKind
    active: bool

    @classmethod
    def of(cls, row: OrganisationRow) -> "OrganisationShown":
        """As the API tells it."""
        return cls(id=row.id, kind=OrganisationKind(row.kind), active=row.active)


class PersonShown(BaseModel):
    """A person; `signer` is the keystore's name of their signing key."""

    id: str
    organisation: str
    roles: list[Role]
    signer: str
    active: bool

    @classmethod
    def of(cls, person: Person) -> "PersonShown":
        """As the API tells it."""
        return cls(
            id=person.id,
            organisation=person.organisation,
            roles=sorted(person.roles),
            signer=person.signer,
            active=person.active,
        )


class PersonAdmitted(PersonShown, ToldOnce):
    """A person with their first password, which is told once and which they must change."""

    UNKEPT = "first_password"

    first_password: str | None = Field(
        description="Null where it was told before: whoever lost it renews it."
    )

    @classmethod
    def told(cls, admitted: Admitted) -> "PersonAdmitted":
        """As the API tells it once."""
        shown = PersonShown.of(admitted.person).model_dump()
        return cls(**shown, first_password=admitted.password)


class KeyShown(BaseModel):
    """A machine's key without its secret."""

    id: str
    permissions: list[str]
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: ApiKeyRow) -> "KeyShown":
        """As the API tells it."""
        return cls(**row.model_dump(include=set(cls.model_fields)))


class KeyMade(KeyShown, ToldOnce):
    """A new key; the secret is told once."""

    UNKEPT = "secret"

    secret: str | None = Field(
        description="Null where it was told before: whoever lost it revokes the key, and makes another."
    )

    @classmethod
    def told(cls, row: ApiKeyRow, secret: str) -> "KeyMade":
        """As the API tells it once."""
        return cls(**KeyShown.of(row).model_dump(), secret=secret)
