"""`python -m benchmarks`: size, speed and memory of each model, beside the other implementations that are installed.

Parts: speed (opening, clicking, a batch of boxes, the implementations in turns), alone (loading, and the memory of
opening, in a new process each time), engines (encoder and decoder alone, in our engine, onnxruntime and OpenVINO),
everything (every mask of a grid of clicks), growth (our cost by prompts, clicks, image size and threads). What is
measured goes into a JSON file; parts and models that were measured before stay in it, so that it can be filled run by
run. The others are segment-anything-hq, sam2, transformers and openvino, beside hqsam or, with --peers-python, in an
environment of their own.
"""

import argparse
import json
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import parts, report
from benchmarks.checkpoints import random_checkpoints
from benchmarks.implementations import IMPLEMENTATIONS
from benchmarks.measure import Setup
from benchmarks.system_load import with_system_load
from hqsam import storage
from hqsam.model.config import MODELS

PARTS = ("speed", "alone", "engines", "everything", "growth")
_CLOCKS = ("seconds, all threads", "seconds of the processor, one thread")


def main() -> None:
    arguments = _arguments()
    written = report.read(arguments.out) | report.surroundings(arguments.device, arguments.peers_python)
    with tempfile.TemporaryDirectory() as temporary:
        for model in arguments.models:
            files = random_checkpoints(model, arguments.checkpoints or Path(temporary))
            setup = Setup(model, arguments.device, files, arguments.peers_python, arguments.busy)
            names = [name for name in arguments.implementations or IMPLEMENTATIONS if setup.installed(name)]
            of_model = written["models"].setdefault(model, {"sizes": parts.sizes(setup)})
            for part in arguments.parts:
                print(f"{_now()} {model}: {part} of {', '.join(names)}", flush=True)
                measured = with_system_load(lambda p=part, at=setup, who=names: _measure(p, at, who, arguments))
                of_model[part] = measured | {"date": _now(), "clock": _CLOCKS[arguments.busy]}
                storage.write_text(arguments.out, json.dumps(written, indent=1) + "\n")
    Console().print(report.summary(written))
    print(f"written to {arguments.out}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = [name for name, config in MODELS.items() if config.hq or config.memory]
    parser.add_argument("--models", nargs="+", default=["nano", "vit_tiny", "vit_b"], choices=known, metavar="NAME")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS, metavar="PART")
    parser.add_argument(
        "--implementations",
        "--contestants",
        nargs="+",
        choices=list(IMPLEMENTATIONS),
        metavar="NAME",
        help="only these",
    )
    parser.add_argument(
        "--tasks", nargs="+", default=list(parts.TASKS), choices=parts.TASKS, help="of speed, only these"
    )
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of each (default 3)")
    parser.add_argument("--points-per-side", type=int, default=32, help="of the grid of everything (default 32)")
    parser.add_argument("--quick", action="store_true", help="one turn each, and a grid of 8 x 8 clicks")
    parser.add_argument(
        "--busy", action="store_true", help="others use the machine: one thread, the processor's seconds"
    )
    parser.add_argument("--boxes", type=int, default=64, help="of the batch (default 64)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--peers-python", default=sys.executable, help="Python of the environment that has the peers")
    parser.add_argument("--checkpoints", type=Path, help="folder in which the random checkpoints are kept")
    parser.add_argument("--out", type=Path, default=Path("out/bench.json"))
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.points_per_side = 1, 8
    return arguments


def _measure(part: str, setup: Setup, names: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    if part == "speed":
        return parts.speed(setup, names, arguments.rounds, arguments.tasks, arguments.boxes)
    if part == "alone":
        return {"who": parts.alone(setup, names, arguments.rounds)}
    if part == "engines":
        return parts.engines(setup, names, arguments.rounds)
    if part == "everything":
        return parts.everything(setup, names, 1, arguments.points_per_side)
    return parts.growth(setup, arguments.rounds, arguments.points_per_side)


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M")


if __name__ == "__main__":
    main()
