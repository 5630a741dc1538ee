"""What is seen before the first step."""

import io

import pytest
from rich.console import Console

from vitral.cli.loading import Loading, words_of
from vitral.data.progress import Progress


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress("a.tar.gz", 85_000_000, 170_000_000, 10.0), "a.tar.gz  █████       85.0 MB of 170 MB  8.50 MB/s"),
        (Progress("a.tar.gz", 85_000_000, None, 10.0), "a.tar.gz  85.0 MB"),
        (Progress("pictures", 1500, 6000, 1.0, "files"), "pictures  ██▌         1,500 files of 6,000 files  1,500 files/s"),
    ],
)
def test_how_far_a_download_is(progress: Progress, words: str) -> None:
    assert words_of(progress) == words


def test_nothing_is_written_where_nobody_looks() -> None:
    out = io.StringIO()
    with Loading(Console(file=out)) as loading:
        loading.watch(Progress("a", 1, 2, 1.0))
    assert out.getvalue() == ""


def test_in_a_terminal_the_line_comes_and_goes() -> None:
    out = io.StringIO()
    with Loading(Console(file=out, force_terminal=True, width=80)) as loading:
        loading.watch(Progress("archive.zip", 1_000_000, 2_000_000, 1.0))
        loading.watch(Progress("archive.zip", 2_000_000, 2_000_000, 2.0))
    assert "archive.zip" in out.getvalue()
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h")
