"""What a network and an experiment are: values, checked and explained without loading torch.

Example:
    >>> from vitral import spec
    >>> lecture = spec.Network(input=(3, 32, 32), layers=[spec.Convolution(filters=16, size=5, padding=2), spec.Dense(units=10)])
    >>> str(lecture.reports[0].parameters)
    '16x5x5x3+16 = 1216'
"""

from vitral.spec.advice import Advice, advise
from vitral.spec.base import Count, Layer, Shape, Window
from vitral.spec.codec import fingerprint, from_json, from_toml, parse, read, schema, to_json, to_toml
from vitral.spec.experiment import Augmentation, Data, Experiment, Optimiser, Samples, Schedule, Training, Words
from vitral.spec.layers import (
    Activation,
    BatchNorm,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalPooling,
    LayerSpec,
    LeakyRelu,
    LocalResponseNorm,
    Maxout,
    Pooling,
    Residual,
    Scale,
)
from vitral.spec.memory import LayerMemory, Memory, amount, estimate
from vitral.spec.network import Hinge, Loss, Network, Regression, Series, Softmax, Tokens
from vitral.spec.override import override
from vitral.spec.sequence_layers import Convolution1d, Embedding, Gru, Lstm, OverTime, Pooling1d, Recurrent, Repeat, Rnn
from vitral.spec.shapes import LayerReport, walk
from vitral.spec.table import Description, Row, describe

__all__ = [
    "Activation",
    "Advice",
    "Augmentation",
    "BatchNorm",
    "Convolution",
    "Convolution1d",
    "Count",
    "Data",
    "Dense",
    "Description",
    "Dropout",
    "Embedding",
    "Experiment",
    "Flatten",
    "GlobalPooling",
    "Gru",
    "Hinge",
    "Layer",
    "LayerMemory",
    "LayerReport",
    "LayerSpec",
    "LeakyRelu",
    "LocalResponseNorm",
    "Loss",
    "Lstm",
    "Maxout",
    "Memory",
    "Network",
    "Optimiser",
    "OverTime",
    "Pooling",
    "Pooling1d",
    "Recurrent",
    "Regression",
    "Repeat",
    "Residual",
    "Rnn",
    "Row",
    "Samples",
    "Scale",
    "Schedule",
    "Series",
    "Shape",
    "Softmax",
    "Tokens",
    "Training",
    "Window",
    "Words",
    "advise",
    "amount",
    "describe",
    "estimate",
    "fingerprint",
    "from_json",
    "from_toml",
    "override",
    "parse",
    "read",
    "schema",
    "to_json",
    "to_toml",
    "walk",
]
