"""Texts that a network writes while it learns: at the steps that were asked for, always by the same draws, and without moving a bit."""

import itertools
from unittest.mock import patch

import pytest
import torch

from harness import tiny
from vitral.errors import ShapeError
from vitral.events import BatchDone, Diverged, RunEnded, SampleWritten
from vitral.generate.stepper import Stepper
from vitral.generate.write import write
from vitral.nets import build
from vitral.runtime import material, workspace
from vitral.runtime.finished import finished
from vitral.runtime.run import start
from vitral.runtime.samples import MOST_PROMPT, Sampler, first_line
from vitral.spec.experiment import Samples
from vitral.store import weights

EPOCHS = 3  # 18 steps
TEXT = tiny.text()


def begin(place, **samples):
    with tiny.procedural():
        return start(tiny.experiment(epochs=EPOCHS, learned="text", samples=samples), workspace=place, device="cpu")


def lived(place, **samples):
    run = begin(place, **samples)
    seen = []
    tiny.live(run, seen.append)
    return run.id, seen


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    place = tmp_path_factory.mktemp("samples")
    run, seen = lived(place, at=[1, 4, 16], every=5, length=30, prompt="abc", temperature=0.7, top_k=4, top_p=0.95, seed=3)
    return place, run, seen


def test_it_writes_after_the_steps_that_were_named_and_after_every_so_many(whole):
    place, run, seen = whole
    written = [event for event in seen if isinstance(event, SampleWritten)]
    assert [event.step for event in written] == [1, 4, 5, 10, 15, 16]
    for before, event in itertools.pairwise(seen):
        if isinstance(event, SampleWritten):
            assert isinstance(before, BatchDone)
            assert before.step == event.step
    assert {(event.prompt, event.temperature, event.top_k, event.top_p, event.seed) for event in written} == {("abc", 0.7, 4, 0.95, 3)}
    assert {len(event.text) for event in written} == {30}
    assert len({event.text for event in written}) > 1, "the network has changed in between"
    assert [event for event in workspace.events(place, run) if isinstance(event, SampleWritten)] == written


def test_the_same_weights_write_the_same_text(tmp_path):
    """The text of a step is what the weights of a checkpoint of that step write, read by themselves."""
    with begin(tmp_path, at=[7], length=40, prompt="ab", temperature=1.1, seed=5) as run:
        seen = list(itertools.takewhile(lambda event: event.step <= 7, run.events()))
    written = next(event for event in seen if isinstance(event, SampleWritten))
    loaded = weights.load_newest(run.folder / workspace.CHECKPOINTS)
    assert loaded is not None
    assert loaded.step in (7, 8)
    net = build(run.experiment.network, seed=0)
    if loaded.step == 7:
        net.load_state_dict({name.removeprefix("net."): tensor for name, tensor in loaded.tensors.items() if name.startswith("net.")})
        again = write(Stepper.of(net), TEXT.vocabulary.encode("ab").tolist(), 40, temperature=1.1, seed=5)
        assert TEXT.vocabulary.decode([one.symbol for one in again]) == written.text
    sampler = Sampler(Samples(prompt="ab", length=40, temperature=1.1, seed=5, at=(7,)), TEXT)
    first, second = (sampler.after(event_at(7), net)[0].text for _ in range(2))
    assert first == second
    assert Sampler(Samples(prompt="ab", length=40, temperature=1.1, seed=6, at=(7,)), TEXT).after(event_at(7), net)[0].text != first


def event_at(step):
    return BatchDone(step=step, epoch=1, loss=1.0, penalty=0.0, num_correct=1, num_examples=48, learning_rate=0.1, seconds=0.0)


def test_writing_moves_no_bit_of_the_training(whole, tmp_path):
    place, run, _ = whole
    quiet, seen = lived(tmp_path, at=[])
    assert not any(isinstance(event, SampleWritten) for event in seen)
    curves = [[line for line in tiny.signature(*one)[0] if line["event"] != "sample_written"] for one in ((place, run), (tmp_path, quiet))]
    assert curves[0] == curves[1]
    tensors = [tiny.signature(*one)[1] for one in ((place, run), (tmp_path, quiet))]
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(tensor, tensors[1][name]) for name, tensor in tensors[0].items())


def test_the_network_is_read_and_nothing_else():
    net = build(tiny.experiment(learned="text").network.with_symbols(9), seed=0)
    net.carry()
    net(torch.zeros(2, 4, dtype=torch.int64))
    before = {name: tensor.clone() for name, tensor in (*net.state_dict().items(), *net.memories().items())}
    torch.manual_seed(1)
    drawn, dropping = torch.get_rng_state(), net.generator.get_state()
    Sampler(Samples(at=(1,), length=20), TEXT).after(event_at(1), net)
    after = dict((*net.state_dict().items(), *net.memories().items()))
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert net.training
    assert torch.equal(torch.get_rng_state(), drawn)
    assert torch.equal(net.generator.get_state(), dropping)


def test_a_prompt_with_unknown_characters_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(ShapeError, match=r"^training\.samples\.prompt does not fit procedural: 'Z', 'ñ' are not among the 9 symbols"):
        begin(tmp_path / "w", prompt="aZbñ")
    assert not (tmp_path / "w").exists()


def test_without_a_prompt_it_begins_with_the_texts_first_line():
    letters = TEXT.vocabulary.decode(TEXT.train[:MOST_PROMPT].tolist())
    assert Sampler(Samples(), TEXT).prompt == first_line(TEXT)
    assert first_line(TEXT) in letters
    assert first_line(TEXT).strip()


def test_a_network_that_lost_its_numbers_writes_nothing_and_training_says_so(tmp_path):
    """What cannot be written must not hide why: the next step says where the numbers were lost."""
    run = begin(tmp_path, every=1, length=5)
    seen = []
    with run:
        for event in run.events():
            seen.append(event)
            if event.step == 3 and isinstance(event, BatchDone):
                with torch.no_grad():
                    run.trainer.net.dense1.weight.fill_(float("nan"))
    assert [event.step for event in seen if isinstance(event, SampleWritten)] == [1, 2, 3]
    assert [event.layer for event in seen if isinstance(event, Diverged)] == ["dense1"]
    assert isinstance(seen[-1], RunEnded)
    net = build(tiny.experiment(learned="text").network.with_symbols(9), seed=0)
    with torch.no_grad():
        net.dense1.weight.fill_(float("nan"))
    assert Sampler(Samples(at=(1,)), TEXT).after(event_at(1), net) == ()


def test_images_have_no_sampler(tmp_path):
    with tiny.procedural():
        assert material.gather(tiny.experiment()).sampler is None
        assert material.gather(tiny.experiment(learned="sequences")).sampler is None


# A run of a text through the runtime: stopped everywhere, measured again, and exact.


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    places = {}
    for learned in ("text", "sequences"):
        place = tmp_path_factory.mktemp(learned)
        run = tiny.live(tiny.begin(place, epochs=2, learned=learned))
        places[learned] = (place, run, tiny.signature(place, run))
    return places


@pytest.mark.parametrize("learned", ["text", "sequences"])
def test_stopped_after_every_event_it_goes_on_to_the_same_bits(tmp_path, expected, learned):
    """In the middle of a text, right before and after an epoch's end and a text that was written; closed, or asked to stop."""
    count = len(expected[learned][2][0])
    for number in range(1, count + 2, 2 if learned == "sequences" else 1):
        place = tmp_path / str(number)
        with tiny.begin(place, epochs=2, learned=learned) as run:
            for event in itertools.islice(run.events(), number):
                last = event
            if number % 3 == 0 and not isinstance(last, RunEnded):
                run.stop()
                list(run.events())
        tiny.live(tiny.begin(place, run.id, epochs=2, learned=learned))
        assert tiny.differences(tiny.signature(place, run.id), expected[learned][2]) == "", number


@pytest.mark.parametrize("learned", ["text", "sequences"])
def test_measured_again_it_says_what_it_said(expected, learned):
    place, run, _ = expected[learned]
    said = {event.split: event for event in workspace.events(place, run) if event.kind == "evaluated"}
    with tiny.procedural():
        network = finished(run, workspace=place, device="cpu")
        for split in said:
            found = network.evaluate(split if learned == "text" else "one")
            for name in ("loss", "num_correct", "accuracy", "low", "high", "confusion", "num_examples", "step", "epoch", "split", "views"):
                assert getattr(found, name) == getattr(said[split], name), name
        usual = network.evaluate()
        assert (usual.split, usual.loss) == ("test", said["test"].loss)
        trained = network.evaluate("train") if learned == "text" else usual
    assert said.keys() == ({"validation", "test"} if learned == "text" else {"test"})
    assert trained.num_examples == (289 if learned == "text" else 32)


def test_the_symbols_are_counted_and_kept_with_the_run(expected):
    place, run, _ = expected["text"]
    assert workspace.experiment_of(place, run).network.num_symbols == 9
    assert finished(run, workspace=place, device="cpu").vocabulary == TEXT.vocabulary


def test_other_data_make_a_resumed_run_inexact_and_say_so(tmp_path):
    with tiny.begin(tmp_path, epochs=2, learned="text") as run:
        list(itertools.islice(run.events(), 4))
    seen = []
    with patch.object(tiny, "procedural", lambda: REAL(seed=4)):
        tiny.live(tiny.begin(tmp_path, run.id, learned="text"), seen.append)
    assert not seen[0].exact
    assert any(note.startswith("the data changed: SHA-256 was 00000000") for note in seen[0].notes)


REAL = tiny.procedural
