"""What the benchmark prints, as Markdown tables."""

from typing import Any

Results = dict[str, dict[str, Any]]


def efficiency(results: Results) -> str:
    """The paper's table of efficiency (its table 10): size, speed and memory of each model, in float32."""
    header = [
        "model",
        "parameters (M)",
        "of them HQ (M)",
        "MiB",
        "of them HQ",
        "images/s",
        "click (ms)",
        "peak memory (MiB)",
    ]
    return _table(header, [_efficiency_row(model, result) for model, result in results.items()])


def the_race(results: Results) -> str:
    """Medians of each contestant, and how many times as long as hqsam it took."""
    header = ["model", "who", "open (s)", "x hqsam", "click (ms)", "x hqsam", "peak memory (MiB)"]
    return _table(header, [row for model, result in results.items() for row in _race_rows(model, result["race"])])


def _efficiency_row(model: str, result: dict[str, Any]) -> list[str]:
    sizes = [f"{result['parameters'] / 1e6:.2f}", f"{result['hq_parameters'] / 1e6:.3f}"]
    sizes += [f"{result['mib']:.1f}", f"{result['hq_mib']:.1f}"]
    ours = result["race"].get("hqsam")
    if ours is None:
        return [model, *sizes, "", "", ""]
    return [model, *sizes, f"{1 / ours['open_s']:.2f}", f"{ours['click_s'] * 1e3:.1f}", _mib(ours["peak_memory_bytes"])]


def _race_rows(model: str, race: dict[str, Any]) -> list[list[str]]:
    if not race:
        return []
    ours = race["hqsam"]
    return [
        [
            model,
            name,
            f"{one['open_s']:.3f}",
            f"{one['open_s'] / ours['open_s']:.2f}",
            f"{one['click_s'] * 1e3:.1f}",
            f"{one['click_s'] / ours['click_s']:.2f}",
            _mib(one["peak_memory_bytes"]),
        ]
        for name, one in race.items()
    ]


def _mib(amount: int | None) -> str:
    return "" if amount is None else f"{amount / 2**20:.0f}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines
    )
