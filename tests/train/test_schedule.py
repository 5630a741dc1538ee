"""The learning rate's course: known points, bounds and smoothness."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitral.spec.experiment import Schedule
from vitral.train.schedule import factor


def test_one_cycle_rises_and_falls():
    schedule = Schedule(kind="one_cycle", warm_up=0.25)
    assert [round(factor(schedule, p), 12) for p in (0, 0.125, 0.25, 0.625, 1)] == [0, 0.5, 1, 0.5, 0]


def test_known_points():
    assert factor(Schedule(), 0.7) == 1
    assert factor(Schedule(kind="linear", final=0.2), 0.5) == pytest.approx(0.6)
    assert factor(Schedule(kind="cosine", final=0.1), 1 / 3) == pytest.approx(0.1 + 0.9 * 0.75)
    assert factor(Schedule(kind="linear", warm_up=0.2, start=0.5), 0.1) == pytest.approx(0.75)
    assert [factor(Schedule(kind="step", every=2, gamma=0.5), 0.5, epoch) for epoch in range(5)] == [1, 1, 0.5, 0.5, 0.25]
    assert factor(Schedule(kind="constant", warm_up=1.0), 1.0) == 1


schedules = st.builds(
    Schedule,
    kind=st.sampled_from(["cosine", "linear", "one_cycle"]),
    warm_up=st.floats(0, 1),
    start=st.floats(0, 1),
    final=st.floats(0, 1),
)


@given(schedules, st.floats(0, 1))
def test_the_factor_stays_between_its_ends(schedule, progress):
    value = factor(schedule, progress)
    assert math.isfinite(value)
    assert min(schedule.start, schedule.final) - 1e-9 <= value <= 1 + 1e-9


@given(schedules, st.floats(0, 1), st.floats(0, 1))
def test_it_rises_during_the_warm_up_and_never_after(schedule, a, b):
    a, b = sorted((a, b))
    if b < schedule.warm_up:
        assert factor(schedule, a) <= factor(schedule, b) + 1e-9
    elif a >= schedule.warm_up:
        assert factor(schedule, a) >= factor(schedule, b) - 1e-9
