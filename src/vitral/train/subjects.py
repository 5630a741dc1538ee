"""Which lessons belong to which kind of data."""

from __future__ import annotations

from vitral.data.dataset import Dataset
from vitral.data.sequence import SequenceSet
from vitral.data.text import Text
from vitral.spec.experiment import Experiment
from vitral.train.images import ImageLessons
from vitral.train.lessons import Lessons
from vitral.train.precision import Precision
from vitral.train.series import SeriesLessons
from vitral.train.texts import TextLessons

Taught = Dataset | Text | SequenceSet


def lessons(experiment: Experiment, dataset: Taught, precision: Precision) -> Lessons:
    """Make data ready for an experiment that fits them."""
    match dataset:
        case Dataset():
            return ImageLessons(experiment, dataset, precision)
        case Text():
            return TextLessons(experiment, dataset, precision)
        case SequenceSet():
            return SeriesLessons(experiment, dataset, precision)
