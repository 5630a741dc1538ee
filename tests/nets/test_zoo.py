"""The experiments that come with Vitral."""

import re
import tomllib
from pathlib import Path

import pytest

from vitral import spec
from vitral.errors import SpecError
from vitral.nets import zoo

NAMES = {
    "default", "digits", "cifar10-convnetjs", "cifar10-fast", "lenet-mnist", "cifar10-alexnet", "cifar10-vgg", "cifar10-resnet", "edges",
}  # fmt: skip


def test_the_default_comes_first() -> None:
    assert zoo.names()[0] == "default"
    assert set(zoo.names()) >= NAMES


@pytest.mark.parametrize("name", zoo.names())
def test_each_file_says_what_it_shows_and_where_it_comes_from(name: str) -> None:
    text = zoo.text(name)
    header = re.match(r"(#.*\n)+", text)
    assert header is not None
    assert re.search(r"^# Sources?( of the task)?: ", header[0], re.MULTILINE)
    assert tomllib.loads(text)["name"] == name
    title = zoo.titles()[name]
    assert title.es
    assert title.en


@pytest.mark.parametrize("name", zoo.names())
def test_what_cannot_be_downloaded_has_a_way_out(name: str) -> None:
    data = zoo.load(name).data
    if name == "cifar10-convnetjs":
        assert data.otherwise is None  # the demonstration is on CIFAR-10 or it is not the demonstration
    elif data.source not in {"mnist-5k", "edges", "digits-by-row", "python-source"}:
        network = zoo.load(name).network
        assert data.otherwise is not None
        instead = zoo.load(data.otherwise)
        assert instead.data.source in {"mnist-5k", "digits-by-row", "python-source"}, "it must be at hand without a network"
        assert instead.reads_sequences == zoo.load(name).reads_sequences
        assert instead.network.predicts_next == network.predicts_next


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("default", 22_466),
        ("cifar10-convnetjs", 22_466),
        ("lenet-mnist", 61_706),  # the figure known for LeNet-5 with all-to-all connections
        ("edges", 9),
    ],
)
def test_parameters_are_those_that_the_sources_give(name: str, parameters: int) -> None:
    assert zoo.load(name).network.num_parameters == parameters


def test_resnet_has_twenty_weighted_layers() -> None:
    def weighted(layers: tuple[spec.LayerSpec, ...]) -> int:
        return sum(weighted(la.layers) if isinstance(la, spec.Residual) else isinstance(la, spec.Convolution | spec.Dense) for la in layers)

    network = zoo.load("cifar10-resnet").network
    assert weighted(network.layers) == 20
    # the paper: 0.27 million, with option A; the two 1x1 projections add 16*32 + 32*64
    assert network.num_parameters == 269_722 + 16 * 32 + 32 * 64


def test_a_miss_says_which_is_nearest() -> None:
    with pytest.raises(SpecError, match=r'no experiment "defualt" in the zoo; did you mean "default"\?'):
        zoo.load("defualt")
    with pytest.raises(SpecError, match="in the zoo and no such file; expected one of default, "):
        zoo.find("zzz")
    with pytest.raises(SpecError, match="in the zoo"):
        zoo.load("../zoo/default")


def test_find_reads_names_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(zoo.text("edges").replace('name = "edges"', 'name = "mine"'), encoding="utf-8")
    assert zoo.find(str(mine), ["seed=5"]).seed == 5
    assert zoo.find("edges", ["seed=5"]).seed == 5
    (tmp_path / "plain").write_text(mine.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert zoo.find("plain").name == "mine"
    with pytest.raises(SpecError, match=r"absent\.toml: cannot be read"):
        zoo.find("absent.toml")
