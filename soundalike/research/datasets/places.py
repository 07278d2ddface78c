"""Where data sets are by default."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

__all__ = ["cache_folder", "data_root"]


def data_root() -> Path:
    """The folder that holds ``gtzan``, ``cifar10`` and so on: ``SOUNDALIKE_DATA``, if it is set."""
    named = os.environ.get("SOUNDALIKE_DATA")
    return Path(named) if named else user_data_path("soundalike", appauthor=False) / "datasets"


def cache_folder() -> Path:
    """For what can be made again."""
    return user_cache_path("soundalike", appauthor=False) / "datasets"
