"""The page in an exported folder that says how to serve it, what it weighs, and how exact it is."""

from collections.abc import Sequence
from pathlib import Path

from hqsam.export.browser.web_runtime import GPU_FILES, PROCESSOR_FILES
from hqsam.export.readme import exactness
from hqsam.export.verify import PhotoDifference
from hqsam.graphs.description import Description
from hqsam.graphs.folder import DECODER, ENCODER


def readme(folder: Path, description: Description, differences: Sequence[PhotoDifference]) -> str:
    """Return the page about a folder, in Markdown."""
    config = description.config
    model = _megabytes(folder / "model", (ENCODER, DECODER))
    return f"""# {config.name} in the browser

Written by hqsam {description.version} from weights {description.weights}.
Licence of the weights: {description.licence or "as you know it"}. {description.notice}

Photos are segmented on the device that shows the page; nothing is sent anywhere. Once it has been loaded it works
without a network.

Serve this folder by any static host. On this machine:

```sh
python -m http.server --directory . 8000
```

and open http://localhost:8000. Elsewhere it has to be https, or browsers run no service worker: then the page works,
but not offline, and computes with one thread. With the service worker it computes with several threads; so it does
without, where the host sends these headers:

```
Cross-Origin-Opener-Policy: same-origin
Cross-Origin-Embedder-Policy: require-corp
```

| loaded by a browser | MB |
| --- | ---: |
| model: encoder and decoder, weights in float16 | {model} |
| onnxruntime-web for the processor | {_megabytes(folder / "runtime", PROCESSOR_FILES)} |
| or onnxruntime-web for WebGPU, where there is a graphics processor | {_megabytes(folder / "runtime", GPU_FILES)} |

onnxruntime-web is under the MIT licence, the page under the Apache License 2.0.

{exactness(differences)}
"""


def _megabytes(folder: Path, names: Sequence[str]) -> str:
    return f"{sum((folder / name).stat().st_size for name in names) / 1e6:.1f}"
