"""Compiling `cpp/kernels.cpp` with the machine's own C++ compiler, once: the library is kept beside the checkpoints.

It takes some seconds, and the library fits the processor that it is made on, as no wheel could. It knows nothing of
Python or PyTorch but the memory that it is handed, so that no header and no version of either has to match.
"""

import ctypes
import functools
import hashlib
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import resources
from pathlib import Path

import torch

from hqsam.engines.kernels import Kernels
from hqsam.engines.kernels.compiled import PRECISIONS, CompiledKernels
from hqsam.errors import HqsamError, OptionError
from hqsam.hardware import cpu_features
from hqsam.model.depthwise import PLAIN_DEPTHWISE, DepthwiseOps
from hqsam.paths import user_cache_folder
from hqsam.storage import replacing

_LOG = logging.getLogger(__name__)

_FLAGS = ("-std=c++17", "-O3", "-march=native", "-fopenmp", "-fPIC", "-fno-math-errno", "-fno-trapping-math",
          "-fno-signed-zeros")  # fmt: skip
_WIDE = ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512")
"""For processors that are newer than the compiler, which takes them for their narrower ancestors."""


def best_kernels(precision: torch.dtype) -> Kernels:
    """Return the compiled kernels, or those in PyTorch where none can be compiled."""
    found = kernels_or_error() if precision in PRECISIONS else None
    return found if isinstance(found, CompiledKernels) else Kernels()


def best_depthwise() -> DepthwiseOps:
    """Return depthwise convolutions by the compiled kernels, or PyTorch's where none can be compiled."""
    found = kernels_or_error()
    return found.depthwise_ops if isinstance(found, CompiledKernels) else PLAIN_DEPTHWISE


def compiled_kernels() -> CompiledKernels:
    """Return the kernels of `cpp/kernels.cpp`, compiled for this machine if they have not been.

    Raises:
        OptionError: this is not Linux, or there is no compiler, or it or the loading failed; the message says which.
        OutputError: there is no writing into the cache folder.
    """
    found = kernels_or_error()
    if isinstance(found, CompiledKernels):
        return found
    raise found.with_traceback(None)  # or the error that is kept would collect every place that raised it


@functools.cache
def kernels_or_error() -> CompiledKernels | HqsamError:
    """Return the compiled kernels, or why there are none. A failure is kept too: each try takes a second or more."""
    try:
        return _compile_and_load()
    except HqsamError as error:
        found = error
    except OSError as error:  # no folder for temporary files, or a disk that nothing may be run from, say
        found = OptionError(f"the kernels cannot be compiled or loaded: {error}")
    expected = sys.platform == "linux" and _compiler() is not None
    _LOG.log(logging.WARNING if expected else logging.INFO, "the kernels are PyTorch's, which are slower: %s", found)
    return found


def _compile_and_load() -> CompiledKernels:
    if sys.platform != "linux":
        raise OptionError(f"the kernels are compiled on Linux only, and this is {platform.system()}")
    folder = resources.files("hqsam.engines.kernels").joinpath("cpp")
    sources = {file.name: file.read_bytes() for file in folder.iterdir()}
    library = user_cache_folder() / "kernels" / f"{_fingerprint(sources)}.so"
    if not _is_whole(library):
        _compile(sources, library)
    _share_openmp_of_torch()
    return CompiledKernels(ctypes.CDLL(str(library)))


def _compiler() -> str | None:
    return shutil.which(os.environ.get("CXX") or "c++") or shutil.which("g++")


def _compile(sources: dict[str, bytes], library: Path) -> None:
    compiler = _compiler()
    if compiler is None:
        raise OptionError("there is no C++ compiler; install g++, or name one in CXX")
    with tempfile.TemporaryDirectory() as folder, replacing(library) as path:
        for name, text in sources.items():
            Path(folder, name).write_bytes(text)
        code, compiled = Path(folder, "kernels.cpp"), Path(folder, "kernels.o")
        _run([compiler, *_flags(), "-c", str(code), "-o", str(compiled)])
        # Linked without OpenMP: its functions are found in torch's copy, or there would be two pools of threads.
        _run([compiler, "-shared", str(compiled), "-o", str(path)])
        content = path.read_bytes()
        path.write_bytes(content + hashlib.sha256(content).digest())  # the loader does not look behind its end


def _is_whole(library: Path) -> bool:
    """Return whether a library is there and as it was made: the loader of a damaged one would end the process."""
    content = library.read_bytes() if library.exists() else b""
    return content[-32:] == hashlib.sha256(content[:-32]).digest()


def _flags() -> tuple[str, ...]:
    features = cpu_features()
    if "avx512_vnni" not in features:  # whoever has it has the four named in _WIDE
        return _FLAGS
    return (*_FLAGS, *_WIDE, "-mavx512bf16") if "avx512_bf16" in features else (*_FLAGS, *_WIDE)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OptionError(f"the compiler failed: {' '.join(command)}\n{done.stderr.strip()[-2000:]}")


def _fingerprint(sources: dict[str, bytes]) -> str:
    """Return a name for the library: another source, compiler setting or processor is another library."""
    parts = (
        *(text for _, text in sorted(sources.items())),
        " ".join((*_flags(), platform.machine(), _processor())).encode(),
    )
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:24]


def _processor() -> str:
    """Return model and instruction sets of the processor that the library is made for; folders may be shared."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    told = {line.split(":")[0].strip(): line for line in reversed(lines) if ":" in line}
    return " ".join(told.get(name, "") for name in ("model name", "flags", "Features", "CPU part"))


def _share_openmp_of_torch() -> None:
    """Make libraries that are loaded from now on use the OpenMP that torch brought, whatever its name."""
    for path in _mapped_files(os.fsdecode(Path("/proc/self/maps").read_bytes())):
        if re.fullmatch(r"lib(?:gomp|iomp5|omp).*\.so.*", Path(path).name):
            with suppress(OSError):  # it was replaced since, say
                ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)


def _mapped_files(maps: str) -> list[str]:
    """Return the path of each file in the text of `/proc/self/maps`, where paths may have spaces."""
    rows = [line.split(maxsplit=5) for line in maps.split("\n")]
    return [*dict.fromkeys(row[5].removesuffix(" (deleted)") for row in rows if len(row) == 6)]
