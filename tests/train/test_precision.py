"""What is chosen for a device, and that it is said."""

import pytest
import torch

from vitral.errors import SpecError
from vitral.spec.experiment import Training
from vitral.train import precision


def test_auto_follows_what_the_processor_says(monkeypatch):
    for features, dtype in ((frozenset({"avx512_bf16"}), torch.bfloat16), (frozenset({"avx2"}), torch.float32)):
        monkeypatch.setattr(precision, "_cpu_features", lambda features=features: features)
        chosen = precision.choose("cpu", Training())
        assert (chosen.dtype, chosen.memory_format, chosen.num_threads) == (dtype, torch.channels_last, torch.get_num_threads())
        assert chosen.reason in ("the CPU has avx512_bf16", "the CPU has no bfloat16 arithmetic of its own")


def test_a_person_may_choose(monkeypatch):
    monkeypatch.setattr(precision, "_cpu_features", lambda: frozenset({"avx512_bf16"}))
    chosen = precision.choose("cpu", Training(precision="float32", memory_format="contiguous"))
    assert (chosen.name, chosen.layout) == ("float32", "contiguous")
    assert chosen.reason == "float32 as the experiment asks; the CPU has avx512_bf16"
    with chosen.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32


@pytest.mark.parametrize("device", ["gpu", "mps", "cuda:99", "meta"])
def test_unknown_devices_are_refused(device):
    with pytest.raises(SpecError, match="use "):
        precision.choose(device, Training())


def test_the_callers_autocast_does_not_leak_in():
    chosen = precision.choose("cpu", Training(precision="float32"))
    with torch.autocast("cpu", torch.bfloat16), chosen.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32


def test_the_machine_is_stated():
    stated = precision.machine(precision.choose("cpu", Training()))
    assert stated["torch"] == torch.__version__
    assert stated["device"].startswith("cpu: ")
    assert {"num_threads", "precision", "memory_format", "instructions"} < stated.keys()
