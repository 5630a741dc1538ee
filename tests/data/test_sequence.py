"""Sequences side by side: packed, padded, measured and told apart."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitral.data.sequence import SequenceExamples, assemble, identify, measure, pack, pick
from vitral.data.source import Source
from vitral.data.vocabulary import Vocabulary
from vitral.errors import DataError

SOURCE = Source("mine", "", "", "", "", 0)


def some(draw: np.random.Generator, lengths: list[int], features: int | None) -> SequenceExamples:
    """Sequences of the given lengths: numbers, or tokens from 1 on where ``features`` is None."""
    parts = [draw.normal(5, 2, (t, features)) if features else draw.integers(1, 9, t) for t in lengths]
    return pack(parts, draw.integers(0, 3, len(lengths)))


def by_hand(examples: SequenceExamples, indices: list[int], length: int) -> tuple[np.ndarray, list[int]]:
    """Pad one sequence after the other, step by step."""
    padded = np.zeros((len(indices), length, *examples.values.shape[1:]), examples.values.dtype)
    lengths = []
    for row, n in enumerate(indices):
        own = list(examples.values)[examples.offsets[n] : examples.offsets[n + 1]][:length]
        for t, step in enumerate(own):
            padded[row, t] = step
        lengths.append(len(own))
    return padded, lengths


def test_names_by_hand() -> None:
    vocabulary = Vocabulary.of("LiNovák")
    names = pack([vocabulary.encode(name) for name in ("Li", "Novák")], [0, 1])
    values, lengths = names.padded([1, 0], 4)
    assert [vocabulary.decode(row[:n]) for row, n in zip(values, lengths, strict=True)] == ["Nová", "Li"]
    assert values[1].tolist()[2:] == [0, 0]
    assert (values.dtype, lengths.dtype, lengths.tolist()) == (np.int64, np.int64, [4, 2])


@given(st.data())
def test_padding_equals_padding_by_hand(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=12))
    features = data.draw(st.sampled_from([None, 1, 3]))
    examples = some(np.random.default_rng(data.draw(st.integers(0, 99))), lengths, features)
    indices = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=20))
    length = data.draw(st.integers(1, 12))
    values, got = examples.padded(indices, length)
    expected, own = by_hand(examples, indices, length)
    assert np.array_equal(values, expected)
    assert values.dtype == examples.values.dtype
    assert got.tolist() == own


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
def test_picking_keeps_each_sequence_whole(lengths: list[int], data: st.DataObject) -> None:
    examples = some(np.random.default_rng(1), lengths, 2)
    indices = data.draw(st.permutations(range(len(lengths))))
    picked = pick(examples, np.array(indices))
    assert all(np.array_equal(picked[row], examples[n]) for row, n in enumerate(indices))
    assert picked.targets.tolist() == examples.targets[list(indices)].tolist()
    back = pick(picked, np.argsort(indices))
    assert np.array_equal(back.values, examples.values)
    assert np.array_equal(back.offsets, examples.offsets)


def test_padding_thousands_is_quick_enough_for_every_batch() -> None:
    """A look at the work, not at the clock: one fancy copy, no loop over the sequences."""
    examples = some(np.random.default_rng(2), [40] * 3000, 32)
    values, _ = examples.padded(np.arange(3000), 50)
    assert values.shape == (3000, 50, 32)
    assert np.array_equal(values[:, :40].reshape(-1, 32), examples.values)


class TestStatistics:
    def test_against_two_plain_sums(self) -> None:
        examples = some(np.random.default_rng(3), [7, 1, 30], 4)
        found = measure(examples.values)
        for feature in range(4):
            column = [float(x) for x in examples.values[:, feature]]
            mean = sum(column) / len(column)
            deviation = (sum((x - mean) ** 2 for x in column) / len(column)) ** 0.5
            assert found.mean[feature] == pytest.approx(mean, abs=1e-12)
            assert found.deviation[feature] == pytest.approx(deviation, abs=1e-12)

    def test_one_scale_for_pixels(self) -> None:
        x = np.array([[0, 1], [2, 5]], np.float32)
        found = measure(x, alike=True)
        assert found.mean == (2.0, 2.0)
        assert found.deviation == pytest.approx((3.5**0.5, 3.5**0.5))

    @pytest.mark.parametrize("constant", [0.0, 5.0, 0.1, 1e9])
    def test_what_never_varies_is_not_divided_by_zero(self, constant: float) -> None:
        x = np.column_stack([np.full(1000, constant), np.arange(1000)]).astype(np.float32)
        assert measure(x).deviation[0] == 1.0
        normal = SequenceExamples(x, np.array([0, 1000]), np.array([0])).normalised(measure(x))
        assert np.abs(normal.values[:, 0]).max() == 0

    def test_a_small_deviation_on_a_large_mean_keeps_its_digits(self) -> None:
        x = (1000 + np.tile([0.001953125, -0.001953125], 500)[:, None]).astype(np.float32)  # 2 ** -9, exact in float32
        assert measure(x).deviation == (0.001953125,)

    def test_normal_sequences_have_mean_0_and_deviation_1(self) -> None:
        examples = some(np.random.default_rng(4), [50, 60], 3)
        again = measure(examples.normalised(measure(examples.values)).values)
        assert again.mean == pytest.approx((0, 0, 0), abs=1e-6)
        assert again.deviation == pytest.approx((1, 1, 1), abs=1e-6)

    def test_tokens_have_none_and_stay(self) -> None:
        tokens = some(np.random.default_rng(5), [3, 4], None)
        vocabulary = Vocabulary("characters", tuple("abcdefghi"))
        found = assemble(("x", "y", "z"), pack([tokens[0]] * 3, [0, 1, 2]), tokens, SOURCE, vocabulary=vocabulary)
        assert found.statistics is None
        assert tokens.normalised(measure(np.zeros((2, 1), np.float32))) is tokens


def three(draw: int = 6) -> SequenceExamples:
    examples = some(np.random.default_rng(draw), [2, 3, 4], 2)
    return SequenceExamples(examples.values, examples.offsets, np.arange(3))


CLASSES = ("a", "b", "c")


class TestSet:
    def test_what_it_says_of_itself(self) -> None:
        found = assemble(CLASSES, three(), three(7), SOURCE)
        assert (found.kind, found.size, found.longest, found.name) == ("series", 2, 4, "mine")
        assert found.train.lengths.tolist() == [2, 3, 4]

    def test_fewer_sequences_are_another_set(self) -> None:
        found = assemble(CLASSES, three(), three(7), SOURCE)
        less = found.first(2, None)
        assert (len(less.train), len(less.test)) == (2, 3)
        assert np.array_equal(less.train[1], found.train[1])
        assert less.sha256 == hashlib.sha256(f"{found.sha256} 2 3".encode()).hexdigest()
        assert found.first(3, 99) is found

    def test_every_part_counts_for_the_identity(self) -> None:
        whole = identify(CLASSES, three(), three(7), None)
        values = three().values.copy()
        values[0, 0] += 1
        others = [
            identify(("a", "b", "d"), three(), three(7), None),
            identify(CLASSES, SequenceExamples(values, three().offsets, three().targets), three(7), None),
            identify(CLASSES, SequenceExamples(three().values, np.array([0, 3, 5, 9]), three().targets), three(7), None),
            identify(CLASSES, SequenceExamples(three().values, three().offsets, np.array([1, 0, 2])), three(7), None),
            identify(CLASSES, three(7), three(), None),
            identify(CLASSES, three(), three(7), Vocabulary.of("ab")),
        ]
        assert len({whole, *others}) == 7
        assert identify(CLASSES, three(), three(7), None) == whole

    @pytest.mark.parametrize(
        ("classes", "train", "test", "message"),
        [
            (("a",), three(), three(), "mine: expected 2 to 10,000 classes, got 1"),
            (CLASSES, three().first(0), three(), "mine: expected some training sequences, got none"),
            (CLASSES, three(), three().first(0), "mine: expected some test sequences, got none"),
            (
                CLASSES,
                SequenceExamples(three().values, np.array([0, 2, 2, 9]), np.arange(3)),
                three(),
                "at least one step, training sequence 2 has none",
            ),
            (CLASSES, three(), pack([np.array([[np.inf, 1]])], [0]), "finite numbers in the test sequences"),
            (CLASSES, pack([np.ones((2, 2))] * 2, [0, 1]), three(), 'class "c" has no sequence to learn from'),
            (CLASSES, three(), pack([np.ones((2, 3))], [0]), "features a step in the test sequences as in the training ones, 2, got 3"),
        ],
    )
    def test_what_cannot_be_learned_is_refused(
        self, classes: tuple[str, ...], train: SequenceExamples, test: SequenceExamples, message: str
    ) -> None:
        with pytest.raises(DataError, match=message):
            assemble(classes, train, test, SOURCE)


def test_sequences_are_read_without_torch() -> None:
    code = (
        "from vitral.data.catalogue import load_sequences; from vitral.spec.experiment import Data; import sys;"
        "load_sequences(Data(source='digits-by-row')); print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
