"""`python -m benchmarks`: how large, how fast and how hungry each model is, beside the peers that are installed.

Prints two tables, the paper's table of efficiency and the race against the peers, and writes all it measured as JSON.
Weights are random: they change what a mask shows, not how long it takes. Peers are segment-anything-hq and
transformers; install them beside hqsam to have them in the race.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

import hqsam
from benchmarks import tables
from benchmarks.contestants import entries
from benchmarks.measure import peak_memory_bytes, race, test_image
from benchmarks.sizes import size_of
from hqsam import hardware, storage
from hqsam.model.config import MODELS


def main() -> None:
    arguments = _arguments()
    device = hardware.pick_device(arguments.device)
    results = {}
    for model in arguments.models:
        print(f"measuring {model} ...", flush=True)
        results[model] = _measure(model, device, arguments)
    report = {
        "hqsam": hqsam.__version__,
        "torch": torch.__version__,
        "machine": hardware.report(),
        "device": str(device),
    }
    report |= {"rounds": arguments.rounds, "clicks": arguments.clicks, "weights": "random", "models": results}
    storage.write_text(arguments.out, json.dumps(report, indent=2) + "\n")
    print("\n" + tables.efficiency(results) + "\n\n" + tables.the_race(results) + f"\n\nwritten to {arguments.out}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5, help="times each opens the photo (default 5)")
    parser.add_argument("--clicks", type=int, default=10, help="clicks a round (default 10)")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, mps or auto")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks.json"))
    return parser.parse_args()


def _measure(model: str, device: torch.device, arguments: argparse.Namespace) -> dict[str, Any]:
    size = size_of(model)
    result: dict[str, Any] = {
        "parameters": size.parameters,
        "hq_parameters": size.hq_parameters,
        "mib": size.mib,
        "hq_mib": size.hq_mib,
    }
    field = entries(model)
    needed, free = len(field) * size.parameters * 4, hardware.available_memory(device)
    if free is not None and needed > free:
        print(f"  sizes only: {len(field)} copies of it need {needed / 2**30:.1f} GiB, {free / 2**30:.1f} are free")
        return result | {"race": {}}
    memory = {name: peak_memory_bytes(name, model, str(device)) for name in field}
    contestants = {name: entry.build(model, device) for name, entry in field.items()}
    times = race(contestants, test_image(), arguments.rounds, arguments.clicks)
    return result | {
        "race": {
            name: {"peak_memory_bytes": memory[name], **times[name].medians, "all": vars(times[name])} for name in field
        }
    }


if __name__ == "__main__":
    main()
