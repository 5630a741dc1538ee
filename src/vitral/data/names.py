"""Surnames and the language each comes from: 18 lists, one name a line."""

from __future__ import annotations

from pathlib import Path

from vitral.data import places, texts
from vitral.data.download import download
from vitral.data.progress import Watcher
from vitral.data.sequence import SequenceSet
from vitral.data.source import File, Source
from vitral.errors import DataError

LAYOUTS = ("sequences/names", "names", "data/names", "sequences/data/names")
URL = "https://raw.githubusercontent.com/spro/practical-pytorch/master/data/names/"

NAMES = Source(
    name="names",
    title="20,050 surnames and the language of each, 18 languages",
    licence="MIT",
    origin="github.com/spro/practical-pytorch, data/names",
    citation="S. Robertson, Practical PyTorch: Classifying Names with a Character-Level RNN, 2017",
    num_bytes=163_419,
    files=tuple(
        File(f"{language}.txt", size, sha256)
        for language, (size, sha256) in {
            "Arabic": (13190, "6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc"),
            "Chinese": (1246, "09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465"),
            "Czech": (3916, "e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7"),
            "Dutch": (2351, "924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3"),
            "English": (27125, "9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2"),
            "French": (2178, "81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95"),
            "German": (5610, "7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db"),
            "Greek": (1981, "3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6"),
            "Irish": (1858, "cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058"),
            "Italian": (5657, "f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4"),
            "Japanese": (7622, "e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f"),
            "Korean": (423, "cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136"),
            "Polish": (1165, "45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826"),
            "Portuguese": (554, "50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53"),
            "Russian": (85168, "0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c"),
            "Scottish": (752, "78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd"),
            "Spanish": (2284, "1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7"),
            "Vietnamese": (339, "f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d"),
        }.items()
    ),
    kind="sequences",
)


def read(source: Source, place: places.Place) -> SequenceSet:
    """Read the 18 lists as tokens over the characters of all names.

    All 20,050 lines stay. Only 17,450 of them differ: the Arabic list repeats 108 names up to 2,000 lines, and 469 names stand in
    several languages (99 of the 100 Scottish ones are English too), so nothing can be right about all of them. A fifth of the
    different names is set aside with all their copies: no name of the test is met in training.

    Raises:
        DataError: a file is not the published one.
    """
    found: list[str] = []
    labels: list[int] = []
    for number, file in enumerate(source.files):
        path = places.find(place.folder, file.name)
        if path is None:
            raise DataError(f"{place.folder / file.name}: is missing; {place.cure(source.name)}")
        list_ = texts.lines(places.content(path, file, place.cure(source.name)), str(path))
        found += list_
        labels += [number] * len(list_)
    classes = tuple(file.name.removesuffix(".txt") for file in source.files)
    return texts.classify(found, labels, classes, source, sha256=places.identity(source))


def fetch(source: Source, root: Path, progress: Watcher | None, *, url: str = URL, schemes: tuple[str, ...] = ("https",)) -> None:
    """Download the 18 files, each verified by its SHA-256.

    Raises:
        DataUnavailable: the server cannot be reached or gives other files.
        DataError: they cannot be written here.
    """
    folder = root / LAYOUTS[1]
    for file in source.files:
        if places.find(folder, file.name) is None:
            download(url + file.name, folder / file.name, num_bytes=file.num_bytes, sha256=file.sha256, progress=progress, schemes=schemes)
