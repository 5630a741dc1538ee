"""What a page asks for: answered, or refused in a sentence with a status below 500."""

import json
from pathlib import Path
from typing import Any

import house
import pytest


def post(workspace: Path, path: str, body: bytes) -> house.Answer:
    async def scene() -> Any:
        found = house.parts(workspace)
        return await house.ask(found.app, "POST", path, house.let_in(found), body)

    answer: house.Answer = house.run(scene())
    return answer


def test_an_experiment_is_laid_out_with_its_advice_in_both_languages(tmp_path: Path) -> None:
    answer = post(tmp_path, "/api/describe", b'{"experiment": "lenet-mnist"}')
    assert answer.status == 200
    assert {advice["code"]: sorted(advice["text"]) for advice in answer.json["advice"]}["pooling_average"] == ["en", "es"]
    assert answer.json["experiment"]["name"] == "lenet-mnist"


@pytest.mark.parametrize("source", ["a" * 3000, "~nobody-of-that-name/pictures"])
def test_a_source_that_no_path_can_be_is_laid_out_all_the_same(tmp_path: Path, source: str) -> None:
    body = json.dumps({"experiment": "default", "sets": [f"data.source={source}"]}).encode()
    assert post(tmp_path, "/api/describe", body).status in (200, 422)


@pytest.mark.parametrize(
    ("operation", "body", "sentence"),
    [
        ("convolution", b'{"preset": ["L5"]}', "preset is a name"),
        ("softmax", b'{"at": [1e999]}', "no number may be 1e999"),
        ("activation", b'{"x": [1], "slope": [[1]]}', "slope must be a number"),
        ("dense", b'{"x": [1], "weights": [[1]], "slope": "a"}', "slope must be a number"),
        ("convolution", b'{"image": [[1]], "kernels": [[1]], "slope": 1' + b"0" * 400 + b"}", "slope must be a number"),
        ("rnn", b'{"x": [0, [0]], "weight_ih": [[1]], "weight_hh": [[1]]}', "rows of different lengths"),
        ("cross_entropy", b'{"scores": [0, 1], "target": [0, [1]]}', "rows of different lengths"),
    ],
)
def test_numbers_of_the_wrong_kind_are_refused_in_a_sentence(tmp_path: Path, operation: str, body: bytes, sentence: str) -> None:
    answer = post(tmp_path, f"/api/explain/{operation}", body)
    assert (answer.status, sentence in answer.json["error"]) == (422, True), answer.body


@pytest.mark.parametrize("name", ["9" * 400, "a/" * 3000, "..%2f..%2fapp.py", "%00", "a%5cb", "."])
def test_an_asset_that_no_file_can_be_is_not_there(tmp_path: Path, name: str) -> None:
    async def scene() -> Any:
        found = house.parts(tmp_path)
        return await house.ask(found.app, "GET", f"/assets/{name}", house.let_in(found))

    assert house.run(scene()).status == 404
