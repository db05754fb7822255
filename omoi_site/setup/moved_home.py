"""What becomes of an OMOI_HOME that was moved or copied, or whose database is gone."""

from __future__ import annotations

import time
from pathlib import Path

from omoi_site.database import data_folder
from omoi_site.setup import paths


def resolve_displaced(home: Path, how: str) -> str:
    """Make a copied or moved OMOI_HOME usable. The caller holds its lock. Returns a sentence that says what
    was done. Raises paths.Displaced.

    how: `moved`: it replaces the original, which is gone. `adopt`: it gets a copy of the original's database.
    `begin-anew`: it gets an empty database, and the old files are kept beside it. After `adopt` and
    `begin-anew` it is a separate installation with its own signing key: neither accepts what the other has
    signed.
    """
    note = paths.Note.of(home)
    if note is None or note.speaks_of(home):  # without a note, the data folder is in `home`
        data = paths.data_folder(home) / "data"
        if how != "begin-anew" or not (home / paths.PASSWORD).exists() or data.exists():
            return ""
        _forget(home, *paths.PASSWORDS, paths.SECRET_KEY)
        return f"{home} starts with an empty database."
    real, inside = home.resolve(), note.home is not None and note.data_folder == note.home
    if how == "moved":
        if note.home is not None and (note.home / "place").exists():
            raise paths.Displaced(
                f"{note.home} is still there: two folders cannot share one database. If this"
                " one is a copy, run `python3 manage.py up --adopt`. If you no longer need the other,"
                " remove it."
            )
        if data_folder.may_be_served((real if inside else note.data_folder) / "data"):
            raise paths.Displaced(
                f"PostgreSQL is running in {note.data_folder / 'data'}: the Omoi of the original folder"
                " is still running.",
                next_action="Stop it first (Ctrl-C there), or run `python3 manage.py up --adopt`.",
            )
        paths.Note(real if inside else note.data_folder, real).write(home)
        return f"{home} takes the place of {note.home or 'the folder it was moved from'}."
    chosen = paths.chosen(home)
    brought = real / "data" if inside else note.data_folder / "data"
    if how == "adopt":
        if not (brought / "PG_VERSION").exists():
            raise paths.Displaced(
                f"There is no database to adopt in {brought}.",
                next_action="Run `python3 manage.py up --begin-anew`, then restore a backup.",
            )
        in_use = paths.Displaced(
            f"The database in {brought} was in use when it was copied, or is in use now,"
            " so the copy may be damaged.",
            next_action="Stop the other Omoi (Ctrl-C there), copy the folder again, and run this again.",
        )
        if data_folder.at_rest(brought) is None:
            raise in_use
        if chosen / "data" != brought:
            chosen.mkdir(parents=True, exist_ok=True)
            if not data_folder.copy(brought, chosen / "data"):
                raise in_use
        _forget(home, paths.SECRET_KEY)
        sentence = f"{home} now has its own copy of the database of {note.home or note.data_folder}."
    else:
        if (chosen / "data").exists():
            (chosen / "data").rename(chosen / f"data.before-{time.strftime('%Y%m%dT%H%M%S')}")
        _forget(home, *paths.PASSWORDS, paths.SECRET_KEY)
        sentence = f"{home} starts with an empty database; what was here before is kept beside it."
    paths.Note(chosen, real).write(home)
    return sentence


def _forget(home: Path, *names: str) -> None:
    """Remove these files; new ones are created when they are needed."""
    for name in names:
        (home / name).unlink(missing_ok=True)
