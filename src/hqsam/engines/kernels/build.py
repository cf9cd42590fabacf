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
    """Return the compiled kernels, or those in PyTorch where there is no compiler."""
    if precision not in PRECISIONS:
        return Kernels()
    try:
        return compiled_kernels()
    except HqsamError as error:
        _LOG.info("the kernels are PyTorch's: %s", error)
        return Kernels()


def best_depthwise() -> DepthwiseOps:
    """Return depthwise convolutions by the compiled kernels, or PyTorch's where there is no compiler."""
    try:
        return compiled_kernels().depthwise_ops
    except HqsamError:
        return PLAIN_DEPTHWISE


@functools.cache
def compiled_kernels() -> CompiledKernels:
    """Return the kernels of `cpp/kernels.cpp`, compiled for this machine if they have not been.

    Raises:
        OptionError: this is not Linux, or there is no compiler, or it failed; the message says which.
        OutputError: there is no writing into the cache folder.
    """
    if sys.platform != "linux":
        raise OptionError(f"the kernels are compiled on Linux only, and this is {platform.system()}")
    folder = resources.files("hqsam.engines.kernels").joinpath("cpp")
    sources = {file.name: file.read_bytes() for file in folder.iterdir()}
    library = user_cache_folder() / "kernels" / f"{_fingerprint(sources)}.so"
    if not _is_whole(library):
        _compile(sources, library)
    _share_openmp_of_torch()
    try:
        return CompiledKernels(ctypes.CDLL(str(library)))
    except OSError as error:  # a disk that nothing may be run from, say
        raise OptionError(f"the compiled kernels cannot be loaded: {error}") from error


def _compile(sources: dict[str, bytes], library: Path) -> None:
    compiler = shutil.which(os.environ.get("CXX") or "c++") or shutil.which("g++")
    if compiler is None:
        raise OptionError("there is no C++ compiler; install g++, or name one in CXX")
    with replacing(library) as path, tempfile.TemporaryDirectory() as folder:
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
    maps = Path("/proc/self/maps").read_text()
    for path in dict.fromkeys(re.findall(r"/\S*/lib(?:gomp|iomp5|omp)[^/\s]*\.so[^/\s]*", maps)):
        ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
