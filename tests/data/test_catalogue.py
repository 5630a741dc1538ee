"""Every data set by its name: looked for in order, fetched when it is nowhere, and refused when it is another."""

import gzip
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vitral.data import catalogue, download, idx
from vitral.data.catalogue import DataUnavailable
from vitral.errors import DataError
from vitral.spec.experiment import Data


def idx_bytes(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape) + array.tobytes()


DRAW = np.random.default_rng(4)
CONTENT = {
    name: idx_bytes(DRAW.integers(0, 10, shape, dtype=np.uint8))
    for name, shape in zip(idx.NAMES, [(60, 28, 28), (60,), (10, 28, 28), (10,)], strict=True)
}
GZIPPED = {name: gzip.compress(raw) for name, raw in CONTENT.items()}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No data of the person who runs this, and nobody to fetch from."""
    monkeypatch.delenv("VITRAL_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "*")

    def refuse(url: str, target: Path, **rest: Any) -> Path:
        raise DataUnavailable("no network in this test")

    monkeypatch.setattr(idx, "download", refuse)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A MNIST of 70 digits, published by us."""
    files = tuple(idx.File(name, len(raw), hashlib.sha256(raw).hexdigest()) for name, raw in CONTENT.items())
    source = idx.Source("mnist", "digits", "none", "here", "us", 1000, files)
    monkeypatch.setitem(catalogue.PUBLISHED, "mnist", catalogue._Published(source, idx.LAYOUTS["mnist"], idx.read, idx.fetch))
    monkeypatch.setitem(idx.GZIPPED_MD5, "mnist", tuple(hashlib.md5(raw).hexdigest() for raw in GZIPPED.values()))


@pytest.fixture
def mirror(small: None, serving: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both mirrors are a server of ours that gives each file at its path."""
    with serving(b"") as server:
        base = server.url.removesuffix("file.bin")
        monkeypatch.setitem(idx.MIRRORS, "mnist", (f"{base}first/", f"{base}second/"))

        def fetch(url: str, target: Path, **rest: Any) -> Path:
            server.body = GZIPPED[target.name.removesuffix(".gz")] if "/first/" not in url or not server.broken else b"<html>log in</html>"
            return download.download(url, target, schemes=("http",), sleep=lambda _: None, **rest)

        server.broken = False
        monkeypatch.setattr(idx, "download", fetch)
        yield server


def cache() -> Path:
    return Path(os.environ["VITRAL_CACHE"])


def lay(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, raw in GZIPPED.items():
        (folder / f"{name}.gz").write_bytes(raw)
    return folder


def states() -> dict[str, str]:
    return {entry.source.name: entry.state for entry in catalogue.listing()}


def test_every_data_set_says_where_it_comes_from() -> None:
    listed = catalogue.listing()
    assert {entry.source.name: entry.source.kind for entry in listed} == {
        **dict.fromkeys(["cifar10", "mnist", "fashion-mnist", "mnist-5k", "edges"], "images"),
        **dict.fromkeys(["war-and-peace", "don-quijote", "quijote-pg2000", "tiny-shakespeare", "python-source", "python-topics"], "text"),
        **dict.fromkeys(["names", "spoken-digits", "japanese-vowels", "mnist-by-row", "digits-by-row"], "sequences"),
    }
    for entry in listed:
        source = entry.source
        assert all([source.title, source.licence, source.origin, source.citation])
        assert (source.num_bytes > 0) == (entry.state == "to download")
        assert all(len(file.sha256) == 64 or (source.name == "quijote-pg2000" and "no checksum" in source.notes) for file in source.files)


@pytest.mark.usefixtures("small")
def test_given_data_come_first_then_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert states()["mnist"] == "to download"
    lay(cache() / "mnist")
    assert states()["mnist"] == "downloaded"
    lay(tmp_path / "MNIST" / "raw")
    monkeypatch.setenv("VITRAL_DATA", str(tmp_path))
    assert states()["mnist"] == "in VITRAL_DATA"
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    assert states()["mnist"] == "downloaded"  # what is not whole is not there


def test_what_is_nowhere_is_fetched_and_kept(mirror: Any) -> None:
    told: list[catalogue.Progress] = []
    dataset = catalogue.load(Data(source="mnist"), progress=told.append)
    assert dataset.shape == (1, 28, 28)
    assert dataset.train.pixels.numpy().tobytes() == CONTENT[idx.NAMES[0]][16:]
    assert dataset.test.targets.tolist() == list(CONTENT[idx.NAMES[3]][8:])
    assert dataset.train.targets.dtype == torch.int64
    assert {now.what for now in told} == {f"{name}.gz" for name in idx.NAMES}
    asked = len(mirror.asked)
    assert catalogue.load(Data(source="mnist")).sha256 == dataset.sha256
    assert len(mirror.asked) == asked


def test_a_second_mirror_helps(mirror: Any) -> None:
    mirror.broken = True
    assert catalogue.get("mnist") == catalogue.Place(cache() / "mnist", given=False)
    assert all(finding.ok for finding in catalogue.check("mnist"))


def test_a_wrong_download_is_fetched_again(mirror: Any) -> None:
    catalogue.get("mnist")
    file = cache() / "mnist" / "train-labels-idx1-ubyte.gz"
    file.write_bytes(gzip.compress(b"other"))
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte.gz: expected 68 bytes, got 5; run: vitral data get mnist"):
        catalogue.load(Data(source="mnist"))
    assert [finding.ok for finding in catalogue.check("mnist")] == [True, False, True, True]
    catalogue.get("mnist")
    assert file.read_bytes() == GZIPPED["train-labels-idx1-ubyte"]


@pytest.mark.usefixtures("small")
def test_wrong_given_data_are_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = lay(tmp_path / "mnist") / "train-labels-idx1-ubyte.gz"
    other = gzip.compress(CONTENT["train-labels-idx1-ubyte"][:-1] + b"\x09" if CONTENT["train-labels-idx1-ubyte"][-1] != 9 else bytes(68))
    file.write_bytes(other)
    monkeypatch.setenv("VITRAL_DATA", str(tmp_path))
    message = r"train-labels-idx1-ubyte.gz: expected SHA-256 \w{16}..., got \w{16}...; replace it, or unset VITRAL_DATA"
    for attempt in (lambda: catalogue.load(Data(source="mnist")), lambda: catalogue.get("mnist")):
        with pytest.raises(DataError, match=message):
            attempt()
    assert file.read_bytes() == other


def test_without_a_network_the_cure_is_said() -> None:
    with pytest.raises(DataUnavailable) as caught:
        catalogue.load(Data(source="mnist"))
    assert str(caught.value) == (
        "mnist cannot be fetched (no network in this test; no network in this test); run: vitral data get mnist, "
        "where there is a network, or set VITRAL_DATA to a folder that holds it"
    )
    with pytest.raises(DataUnavailable, match="mnist is not on this machine; run: vitral data get mnist"):
        catalogue.load(Data(source="mnist"), download=False)


@pytest.mark.parametrize(("name", "guess"), [("mnits", "mnist"), ("cifar-11", "cifar10"), ("edgs", "edges")])
def test_an_unknown_name_gets_a_guess(name: str, guess: str) -> None:
    for attempt in (lambda: catalogue.load(Data(source=name)), lambda: catalogue.get(name), lambda: catalogue.check(name)):
        with pytest.raises(DataError, match=f'no data set and no file is called .{name}.: .*; did you mean "{guess}"'):
            attempt()


@pytest.mark.parametrize("name", ["a\0b", "x" * 4096, "~nobody-of-this-name/x", "", "*"])
def test_strange_names_are_data_errors(name: str) -> None:
    with pytest.raises(DataError):
        catalogue.load(Data.model_construct(source=name, train_size=None, test_size=None))


def test_names_are_written_in_several_ways() -> None:
    for name in ("Fashion_MNIST", "fashion-mnist", "FASHION-MNIST", "fashion_mnist"):
        assert catalogue.known(name) == "fashion-mnist"
    assert catalogue.known("digits") == "mnist-5k"


def test_what_is_embedded_needs_nothing() -> None:
    digits = catalogue.load(Data(source="mnist-5k", train_size=100, test_size=50), download=False)
    assert (len(digits.train), len(digits.test), digits.shape) == (100, 50, (1, 28, 28))
    edges = catalogue.load(Data(source="edges"), shape=(1, 9, 7), download=False)
    assert edges.shape == (1, 9, 7)
    assert edges.train.targets.shape[1:] == (1, 9, 7)
    assert edges.train.targets.dtype == torch.float32
    assert edges.classes == ()
    assert catalogue.get("edges") is None
    assert all(finding.ok for name in ("edges", "mnist-5k") for finding in catalogue.check(name))


def test_own_files_go_by_their_path(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=DRAW.integers(0, 256, (20, 5, 5), dtype=np.uint8), y=[0, 1] * 10)
    dataset = catalogue.load(Data(source=str(tmp_path / "a.npz")))
    assert (dataset.name, dataset.source.licence, dataset.classes) == ("a.npz", "the owner's", ("0", "1"))
    assert catalogue.check(str(tmp_path / "a.npz"))[0].ok
    (tmp_path / "a.doc").write_text("hello")
    with pytest.raises(DataError, match="a.doc: expected a folder or zip of pictures"):
        catalogue.load(Data(source=str(tmp_path / "a.doc")))


def test_listing_and_checking_load_no_torch() -> None:
    code = "from vitral.data import catalogue; catalogue.listing(); catalogue.check('mnist-5k'); import sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_cifar_has_its_published_statistics(vitral_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRAL_DATA", str(vitral_data))
    dataset = catalogue.load(Data(source="cifar10"), download=False)
    assert (dataset.shape, len(dataset.train), len(dataset.test)) == ((3, 32, 32), 50_000, 10_000)
    np.testing.assert_allclose(dataset.statistics.mean, [0.49139968, 0.48215841, 0.44653091], atol=5e-9)
    np.testing.assert_allclose(dataset.statistics.deviation, [0.24703223, 0.24348513, 0.26158784], atol=5e-9)
