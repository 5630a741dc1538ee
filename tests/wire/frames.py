"""The golden frames: what they hold, said in Python. ``python tests/wire/frames.py`` writes the files anew; both sides' tests read them."""

import json
import math
import struct
from pathlib import Path
from typing import Any

from vitral.wire import Blob, pack

HERE = Path(__file__).parent
FORMATS = {"f4": "f", "f2": "e", "u1": "B", "i4": "i"}

FRAMES: dict[str, tuple[dict[str, Any], list[tuple[str, list[int], list[float]]]]] = {
    "state": ({"kind": "state", "state": "paused", "note": "", "resume": False}, []),
    "spanish": ({"kind": "state", "state": "failed", "note": "el núcleo no cabe en la imagen: 5×5 → 4×4 \U0001f9ea"}, []),
    "nothing finite": ({"kind": "events", "from": 7, "to": 8, "events": [{"loss": math.nan, "high": math.inf, "low": [-math.inf]}]}, []),
    "one of each": (
        {"kind": "layers", "step": 390, "layers": [{"name": "conv1", "activation": {"blob": 0, "scale": 0.0009765625}}]},
        [
            ("f2", [1, 2, 3], [0.0, -1.0, 0.333251953125, 65504.0, 6.103515625e-05, -0.0]),
            ("u1", [5], [0, 1, 127, 128, 255]),
            ("f4", [2], [3.1415927410125732, -1.401298464324817e-45]),
            ("i4", [3], [-2147483648, 0, 2147483647]),
        ],
    ),
    "empty blob": ({"kind": "unseen", "examples": []}, [("u1", [0, 32, 32, 3], []), ("u1", [1], [9])]),
    "ten offsets": ({"kind": "layers"}, [("u1", [1], [n]) for n in range(10)]),
}


def frame(name: str) -> bytes:
    header, blobs = FRAMES[name]
    packed = [Blob(struct.pack(f"<{len(values)}{FORMATS[dtype]}", *values), tuple(shape), dtype) for dtype, shape, values in blobs]  # type: ignore[arg-type]
    return pack(header, packed)


def told(name: str) -> dict[str, Any]:
    """What a reader must find; a value that is not finite is null."""
    header, blobs = FRAMES[name]
    finite = json.loads(json.dumps(header).replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null"))
    return {"header": finite, "blobs": [{"dtype": dtype, "shape": shape, "values": values} for dtype, shape, values in blobs]}


def main() -> None:
    for name in FRAMES:
        stem = name.replace(" ", "-")
        (HERE / f"{stem}.bin").write_bytes(frame(name))
        (HERE / f"{stem}.json").write_text(json.dumps(told(name), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
