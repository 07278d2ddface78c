"""Make the small library that every later version must open: ``python tests/data/make_library.py``.

The forty composed pieces of the demo are analysed with the built-in model, at paths that lie on no
machine, and one file fails. What comes out is named by the schema: ``libraries/0003.db``. Run it
once for each new schema, with the version that brings it, and commit the file beside the older
ones; those are never made again.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from soundalike.library import Library

ROOT = Path(__file__).parents[2]
MUSIC = Path("/music")


def main() -> None:
    """Needs the right to make ``/music``, so that the paths in the library are the same for all."""
    if not MUSIC.exists():
        subprocess.run([sys.executable, ROOT / "examples" / "compose.py", MUSIC], check=True)
    (MUSIC / "broken.mp3").write_bytes(b"no sound in here")
    os.utime(MUSIC / "broken.mp3", (1_700_000_000, 1_700_000_000))
    folder = ROOT / "tests" / "data" / "libraries"
    draft = folder / "draft.db"
    with Library(draft) as library:
        library.scan([MUSIC])
        version = library.info().schema_version
    with closing(sqlite3.connect(draft, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("VACUUM")
    draft.replace(folder / f"{version}.db")
    for rest in folder.glob("draft.db*"):
        rest.unlink()


if __name__ == "__main__":
    main()
