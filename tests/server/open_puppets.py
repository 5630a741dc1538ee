"""A real laboratory whose runs are puppets, as a program: ``python open_puppets.py --workspace DIR --port N [--steps N] [--pace MS]``."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import house

from vitral.nets import zoo
from vitral.server.lab import Laboratory
from vitral.server.serve import serve


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--pace", type=int, default=5)
    parser.add_argument("--paused", action="store_true")
    chosen = parser.parse_args()

    async def begin(lab: Laboratory) -> None:
        await lab.start(zoo.load("edges", memory_limit=0), steps=chosen.steps, seed=chosen.pace, paused=chosen.paused)

    serve(
        chosen.workspace, port=chosen.port, visitors=5, begin=begin, opened=lambda link: print(link, flush=True), spawn=house.spawn
    )  # fmt: skip


if __name__ == "__main__":
    main()
