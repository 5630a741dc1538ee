"""Pictures take their share of the time and no more, and a crowded machine does not make them rarer than their own work does."""

import pytest

from vitral.runtime.looks import wish
from vitral.runtime.pictures import SHARE, Pictures


class Machine:
    """A clock, the processor's clock, and a network whose picture takes so long on both."""

    def __init__(self, wall: float, processor: float) -> None:
        self.wall, self.processor = wall, processor
        self.now = self.worked = 0.0
        self.made: list[float] = []

    def layers(self, look: object) -> bytes:
        self.now, self.worked = self.now + self.wall, self.worked + self.processor
        self.made.append(self.now)
        return b"picture"

    def unseen(self) -> None:
        """Show nothing."""

    def learn(self, pictures: Pictures, seconds: float) -> None:
        step, end = 0, self.now + seconds
        while self.now < end:
            step, self.now = step + 1, self.now + 0.001
            for key in list(pictures._streams):
                pictures.taken(key)
            pictures.show(self, step, training=True)  # type: ignore[arg-type]


def test_a_slow_first_picture_is_not_followed_by_seconds_of_rest() -> None:
    machine = Machine(0.1, 0.1)
    pictures = Pictures(lambda key, frame: None, pytest.fail, clock=lambda: machine.now, effort=lambda: machine.worked)
    pictures.look([wish({"rate": 60})])
    machine.learn(pictures, 0.2)
    assert len(machine.made) == 1
    machine.wall = machine.processor = 0.005  # everything is warm now
    machine.learn(pictures, 2)
    second, third = machine.made[1:3]
    assert second - machine.made[0] < 0.3
    assert third - second == pytest.approx(0.005 / SHARE, abs=0.01)


@pytest.mark.parametrize(("wall", "processor", "counted"), [(0.005, 0.005, 0.005), (0.004, 0.008, 0.004), (0.05, 0.005, 0.005)])
def test_pictures_take_their_share_of_the_time_and_no_more(wall: float, processor: float, counted: float) -> None:
    machine = Machine(wall, processor)
    pictures = Pictures(lambda key, frame: None, pytest.fail, clock=lambda: machine.now, effort=lambda: machine.worked)
    pictures.look([wish({"rate": 60})])
    machine.learn(pictures, 60)
    expected = 60 / (wall + counted / SHARE + 0.0005)
    assert len(machine.made) == pytest.approx(expected, rel=0.1)
