"""Bar plot as SVG, drawn by hand: a bar for each implementation, a group for each model."""

from html import escape
from statistics import median
from typing import Any

_ROW, _LEFT, _LONGEST, _WIDTH = 22, 190, 420, 760
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.model{font-weight:600}.bar{fill:#9aa5b1}.ours .bar{fill:#1f6feb}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.bar{fill:#6b7682}.ours .bar{fill:#4c8dff}}"
)


def bars(models: dict[str, Any], task: str) -> str:
    """Return the plot of one task's median seconds; each model has a scale of its own."""
    lines, y = [], 0
    for model, result in models.items():
        taken = {name: median(one[task]) for name, one in _seconds(result).items() if task in one}
        if taken:
            lines.append(f'<text class="model" x="8" y="{y + 20}">{escape(model)}, seconds to {escape(task)}</text>')
            lines += [
                _bar(name, s, max(taken.values()), y + _ROW * (i + 1)) for i, (name, s) in enumerate(taken.items())
            ]
            y += _ROW * (len(taken) + 1) + 12
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" role="img">'
    )
    return "\n".join(
        [head, f"<title>Seconds to {escape(task)} an image</title>", f"<style>{_STYLE}</style>", *lines, "</svg>\n"]
    )


def _seconds(result: dict[str, Any]) -> dict[str, Any]:
    return result.get("speed", {}).get("seconds", {})


def _bar(name: str, seconds: float, longest: float, y: int) -> str:
    length = max(1.0, _LONGEST * seconds / longest)
    owner = "ours" if name.startswith("hqsam") else "peer"
    return (
        f'<g class="{owner}"><text x="{_LEFT - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="bar" width="{length:.1f}" height="16" x="{_LEFT}" y="{y + 3}" rx="2"/>'
        f'<text x="{_LEFT + length + 6:.1f}" y="{y + 16}">{seconds:.2f}</text></g>'
    )
