"""The ways in which a backup is not made, not restored, or not acted on."""

from backend.errors import Invalid, NotFound, Unavailable, WrongState


class BackupExists(WrongState):
    """A file of that name is there already; a backup never takes another's place."""

    code = "backup.exists"


class NothingToBackUp(NotFound):
    """The bank's database is not there, so there is nothing to copy."""

    code = "backup.nothing_to_back_up"


class BackupDamaged(Invalid):
    """The file is not a whole backup, or a part of it is not what the manifest says; nothing was restored."""

    code = "backup.damaged"


class FormatUnknown(Invalid):
    """The backup has a format that this version does not know."""

    code = "backup.format_unknown"


class OtherSchema(WrongState):
    """The backup was made by another version of the bank; restore it with that one, then migrate."""

    code = "backup.other_schema"


class OtherDatabaseKind(WrongState):
    """The backup is of the other kind of database; SQLite is restored to SQLite, PostgreSQL to PostgreSQL."""

    code = "backup.other_database_kind"


class OtherBank(WrongState):
    """The backup belongs to another bank, or to another ledger, than the settings name."""

    code = "backup.other_bank"


class TargetNotEmpty(WrongState):
    """There is something where the backup would go; a bank is restored only where there is none."""

    code = "backup.target_not_empty"


class DatabaseOutside(WrongState):
    """The SQLite file is to be outside the data folder, where one rename could not put it in place."""

    code = "backup.database_outside"


class NotReconciled(Unavailable):
    """The bank was restored from a backup and has not been reconciled with the ledger yet; it can be read."""

    code = "backup.not_reconciled"
