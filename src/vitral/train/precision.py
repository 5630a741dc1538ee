"""Number format and memory layout: what the device is fast at, chosen once and stated in the run."""

from __future__ import annotations

import contextlib
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from vitral.errors import SpecError
from vitral.spec.experiment import Training


@dataclass(frozen=True)
class Precision:
    """How the numbers of a run are held. Weights, gradients and optimiser are float32 always; ``dtype`` is that of the activations."""

    device: torch.device
    dtype: torch.dtype
    memory_format: torch.memory_format
    num_threads: int
    reason: str

    @property
    def name(self) -> str:
        """Give "float32" or "bfloat16"."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def layout(self) -> str:
        """Give "contiguous" (B, C, H, W in memory) or "channels_last" (B, H, W, C in memory)."""
        return "channels_last" if self.memory_format is torch.channels_last else "contiguous"

    def autocast(self) -> torch.autocast:
        """Run a forward pass in this precision, whatever the caller's own autocast says."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype is torch.bfloat16)


def choose(device: str, training: Training) -> Precision:
    """Choose precision and layout for a device.

    | device | precision | layout | why |
    |---|---|---|---|
    | CPU with AVX512-BF16, AMX or Arm BF16 | bfloat16 autocast | channels_last | its matrix products run at about twice the float32 rate |
    | other CPU | float32 | channels_last | bfloat16 would be emulated |
    | CUDA with bfloat16 (Ampere and later) | bfloat16 autocast | channels_last | tensor cores |
    | other CUDA | float32 | channels_last | float16 would need a loss scale |

    Args:
        device: "auto", "cpu", "cuda" or "cuda:N".
        training: its ``precision`` and ``memory_format`` are followed where they are not "auto".
    Raises:
        SpecError: no such device on this machine.
    """
    place = _device(device)
    native, why = _bfloat16(place)
    asked = training.precision
    dtype = torch.bfloat16 if asked == "bfloat16" or (asked == "auto" and native) else torch.float32
    layout = torch.contiguous_format if training.memory_format == "contiguous" else torch.channels_last
    reason = why if asked == "auto" else f"{asked} as the experiment asks; {why}"
    if place.type == "cuda" and dtype is torch.float32:
        tf32 = "TF32" if torch.backends.cudnn.allow_tf32 else "full float32"
        reason += f"; convolutions in {tf32} as cuDNN is set"
    return Precision(place, dtype, layout, torch.get_num_threads(), reason)


@contextlib.contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Choose algorithms that give the same bits each time, and give the caller's settings back. On a CPU they all do."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        yield


def machine(precision: Precision) -> dict[str, str]:
    """State what besides the experiment decides the bits of a run; two equal answers mean that a run can go on exactly."""
    device = torch.cuda.get_device_name(precision.device) if precision.device.type == "cuda" else _cpu_name()
    return {
        "torch": torch.__version__,
        "device": f"{precision.device.type}: {device}",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "num_threads": str(precision.num_threads),
        "precision": precision.name,
        "memory_format": precision.layout,
    }


def versions() -> dict[str, str]:
    """Name the versions that matter, for the record."""
    import numpy as np

    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__, "system": sys.platform}


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(name)
    except RuntimeError:
        raise SpecError(f'no device "{name}"; use auto, cpu or cuda') from None
    if place.type not in ("cpu", "cuda"):
        raise SpecError(f'device "{name}" is not supported; use auto, cpu or cuda')
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise SpecError(f'no device "{name}": torch {torch.__version__} finds {torch.cuda.device_count()} CUDA devices; use cpu')
    return place


def _bfloat16(device: torch.device) -> tuple[bool, str]:
    """Say whether the device multiplies bfloat16 by itself, and how that is known."""
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return True, "the GPU has bfloat16 tensor cores"
        return False, "the GPU has no bfloat16 tensor cores"
    found = sorted({"avx512_bf16", "amx_bf16", "bf16"} & _cpu_features())
    return (True, f"the CPU has {', '.join(found)}") if found else (False, "the CPU has no bfloat16 arithmetic of its own")


@cache
def _cpu_features() -> frozenset[str]:
    ask = getattr(torch.cpu, "get_capabilities", None)  # torch >= 2.11
    if ask is not None:
        return frozenset(name for name, value in ask().items() if value is True)
    return frozenset(_cpu_line("flags").split() + _cpu_line("Features").split())


@cache
def _cpu_name() -> str:
    return _cpu_line("model name") or platform.processor() or platform.machine()


def _cpu_line(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")
