"""The learning rate's course, as a function of how much of the training is done. No state: resuming needs nothing."""

from __future__ import annotations

import math

from vitral.spec.experiment import Schedule


def factor(schedule: Schedule, progress: float, epoch: int = 0) -> float:
    """Give what the learning rate is multiplied by.

    While progress < warm_up:  start + (1 - start) * progress / warm_up.  After it, with s = (progress - warm_up) / (1 - warm_up):

        constant   1
        step       gamma ** (max(0, epochs done - after) // every)
        linear     1 + (final - 1) * s
        cosine     final + (1 - final) * (1 + cos(pi * s)) / 2      (Loshchilov & Hutter 2017, arXiv:1608.03983)
        one_cycle  as cosine: with its warm-up it is the rise and fall of Smith & Topin 2018, arXiv:1708.07120

    Args:
        schedule: of the specification.
        progress: share of all examples (or steps) that were learned from before this step, 0 <= progress <= 1.
        epoch: epochs done.
    Example:
        one_cycle with warm_up 0.25, start 0 and final 0 gives 0, 0.5, 1, 0.75, 0 at progress 0, 0.125, 0.25, 0.5, 1.
    """
    assert 0 <= progress <= 1, progress
    if progress < schedule.warm_up:
        return schedule.start + (1 - schedule.start) * progress / schedule.warm_up
    share = (progress - schedule.warm_up) / (1 - schedule.warm_up) if schedule.warm_up < 1 else 0.0
    match schedule.kind:
        case "constant":
            return 1.0
        case "step":
            return schedule.gamma ** (max(0, epoch - schedule.after) // schedule.every)
        case "linear":
            return 1 + (schedule.final - 1) * share
        case "cosine" | "one_cycle":
            return schedule.final + (1 - schedule.final) * (1 + math.cos(math.pi * share)) / 2
