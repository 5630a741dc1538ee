"""Reading, describing and advising on experiments loads neither torch nor numpy: a fresh interpreter proves it."""

import subprocess
import sys

import pytest

LOOK = "; import sys; print(sorted({'torch', 'numpy', 'mlxtend', 'PIL', 'safetensors'} & set(sys.modules)))"


@pytest.mark.parametrize(
    "code",
    [
        "import vitral.spec",
        "import vitral.errors, vitral.events, vitral.settings",
        "import vitral.nets.zoo",
        "from vitral.nets import zoo; from vitral import spec; [spec.describe(zoo.load(name)) for name in zoo.names()]",
        "from vitral import spec; spec.schema()",
    ],
)
def test_specifications_load_neither_torch_nor_numpy(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code + LOOK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_look_itself_sees_what_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", "import numpy" + LOOK], capture_output=True, text=True, check=True)
    assert "numpy" in done.stdout
