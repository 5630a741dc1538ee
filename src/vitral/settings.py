"""Where things are kept. Each place can be set by an environment variable; the README's table names them all."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path


def workspace() -> Path:
    """Give the folder of runs and checkpoints: ``VITRAL_WORKSPACE``, or the user's data folder."""
    return _path("VITRAL_WORKSPACE") or user_data_path("vitral", appauthor=False)


def downloads() -> Path:
    """Give the folder that downloaded data are kept in: ``VITRAL_CACHE``, or the user's cache folder."""
    return _path("VITRAL_CACHE") or user_cache_path("vitral", appauthor=False)


def given_data() -> Path | None:
    """Give the folder of data in official layouts that is looked at before anything is downloaded: ``VITRAL_DATA``."""
    return _path("VITRAL_DATA")


def _path(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value).expanduser().resolve() if value else None
