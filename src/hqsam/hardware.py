"""Facts about this machine: devices, precisions, threads and memory.

torch is imported inside the functions, so that a command that needs none of this starts without it.
"""

import errno
import functools
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from hqsam.errors import HqsamError, OptionError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")

_OUT_OF_MEMORY = ("out of memory", "allocate memory", "not enough memory", "insufficient memory", "bad_alloc")
"""Words of torch, for each kind of device, and of OpenCV; neither has a type of its own for all of it."""


def pick_device(name: "str | torch.device" = "auto") -> "torch.device":
    """Return the device to compute on: the one given or named, or with `auto` CUDA, else Apple's MPS, else the CPU.

    A CUDA device may be numbered, as in `cuda:1`.

    Raises:
        OptionError: the name is none of ours, or this machine has no such device.
    """
    import torch

    if isinstance(name, torch.device):
        name = str(name)
    if not isinstance(name, str):
        raise OptionError(f"device is {name!r}; choose one of {', '.join(DEVICES)}, or a torch.device")
    if name == "auto":
        name = next((kind for kind in ("cuda", "mps") if _device_count(kind)), "cpu")
    kind, _, index = name.partition(":")
    if kind not in DEVICES or (index and not index.isdecimal()):
        raise OptionError(f"unknown device {name!r}; choose one of {', '.join(DEVICES)}, or a number as in cuda:0")
    if int(index or 0) >= _device_count(kind):
        raise OptionError(f"device {name!r} is not on this machine; it has {_devices_here()}")
    return torch.device(name)


def pick_precision(name: str, device: "torch.device") -> "torch.dtype":
    """Return the number format to compute in; `auto` is bfloat16 where `device` is faster in it, else float32.

    int8 is for the encoder's matrix products, on processors with VNNI; the rest is then computed as with `auto`.

    Raises:
        OptionError: the name is none of `PRECISIONS`.
    """
    import torch

    if name not in PRECISIONS:
        raise OptionError(f"unknown precision {name!r}; choose one of {', '.join(PRECISIONS)}")
    if name == "auto":
        name = "bfloat16" if is_faster_in_bfloat16(device) else "float32"
    return getattr(torch, name)


def is_faster_in_bfloat16(device: "torch.device") -> bool:
    """Return whether the device multiplies bfloat16 in hardware, and at least as fast as float32.

    AVX-512's instructions for bfloat16 are quick on AMD's processors. On Intel's with AMX they have half of float32's
    speed, which counts where a virtual machine hides AMX (docs/benchmarks.md). Intel's of before AMX were not measured.
    """
    import torch

    if device.type == "cuda":
        # torch.cuda.is_bf16_supported() also says yes to cards that only emulate it.
        return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        features = cpu_features()
        return "amx_bf16" in features or ("avx512_bf16" in features and not _is_intel())
    return False


def cpu_features() -> list[str]:
    """Return the instruction sets of this CPU that decide how fast a network runs, slowest first."""
    import torch

    if hasattr(torch.cpu, "get_capabilities"):
        capabilities = torch.cpu.get_capabilities()
    else:  # torch before 2.11
        capabilities = {
            "avx2": torch.cpu._is_avx2_supported(),
            "avx512_f": torch.cpu._is_avx512_supported(),
            "avx512_vnni": torch.cpu._is_vnni_supported(),
            "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),
            "amx_bf16": torch.cpu._is_amx_tile_supported(),
        }
    return [name for name in ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_bf16") if capabilities.get(name)]


def available_threads() -> int:
    """Return how many threads this process may keep busy: its CPU affinity, cut by a container's quota."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_cpus()
    return max(1, min(affinity, round(quota))) if quota else affinity


def limit_torch_threads() -> int:
    """Keep torch to the threads this process may use, and return their number.

    torch counts the cores of the machine; in a container with a quota of two CPUs on a host with
    sixty-four it would start sixty-four threads that wait for each other. `OMP_NUM_THREADS` wins.
    """
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), available_threads()))
    return torch.get_num_threads()


def available_memory(device: "torch.device | None" = None) -> int:
    """Return how many bytes can still be allocated, in main memory or on a CUDA device."""
    if device is not None and device.type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    import psutil

    in_container = _cgroup_free_memory()
    in_machine = psutil.virtual_memory().available
    return in_machine if in_container is None else min(in_machine, in_container)


def is_out_of_memory(error: BaseException) -> bool:
    """Return True for an out-of-memory error, or one caused by it: of Python, NumPy, torch, OpenCV or the system."""
    return _is_lack_of_memory(error) or (error.__cause__ is not None and is_out_of_memory(error.__cause__))


def report() -> dict[str, str]:
    """Describe this machine for `hqsam doctor`: a value for each label."""
    import torch

    device = pick_device("auto")
    return {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "devices": _devices_here(),
        "device": f"{device} ({_device_name(device)})",
        "precision": str(pick_precision("auto", device)).removeprefix("torch."),
        "CPU instructions": ", ".join(cpu_features()) or "none that matter",
        "threads": f"{available_threads()} available, torch uses {torch.get_num_threads()}",
        "memory": f"{available_memory(device) / 2**30:.1f} GiB free",
    }


def _is_lack_of_memory(error: BaseException) -> bool:
    if isinstance(error, HqsamError):
        return False  # its words may be a file's name
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def _device_count(kind: str) -> int:
    import torch

    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    return int(torch.backends.mps.is_available()) if kind == "mps" else 1


def _devices_here() -> str:
    cuda = [f"cuda:{index}" for index in range(_device_count("cuda"))]
    return ", ".join(["cpu", *cuda, *(["mps"] if _device_count("mps") else [])])


def _device_name(device: "torch.device") -> str:
    import torch

    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return f"{torch.cuda.get_device_name(device)}, compute capability {major}.{minor}"
    return cpu_name() if device.type == "cpu" else "Apple GPU"


def cpu_name() -> str:
    """Return the name of this processor, as the system has it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _is_intel() -> bool:
    return "intel" in (_cpuinfo("vendor_id") or cpu_name()).lower()


def _cpuinfo(name: str) -> str:
    """Return what Linux says of the first processor under a name; empty where it says nothing."""
    lines = (line for line in _read("/proc/cpuinfo").splitlines() if line.startswith(name))
    return next(lines, "").partition(":")[2].strip()


def _cgroup_cpus() -> float | None:
    quota, _, period = _read(_cgroup_file("cpu.max")).partition(" ")
    if not quota:  # a host that still has the first version of cgroups
        quota, period = (
            _read(_cgroup_file("cpu/cpu.cfs_quota_us")),
            _read(_cgroup_file("cpu/cpu.cfs_period_us")),
        )
    if not quota.isdecimal() or not period.strip().isdecimal():
        return None  # "max" and -1 mean that there is no quota
    return int(quota) / int(period)


def _cgroup_free_memory() -> int | None:
    limit, used = _read(_cgroup_file("memory.max")), _read(_cgroup_file("memory.current"))
    if not limit:
        limit = _read(_cgroup_file("memory/memory.limit_in_bytes"))
        used = _read(_cgroup_file("memory/memory.usage_in_bytes"))
    return int(limit) - int(used) if limit.isdecimal() and used.isdecimal() else None


def _cgroup_file(name: str) -> str:
    # Inside a container its own group is mounted here; nested groups outside one carry no quota of ours.
    return f"/sys/fs/cgroup/{name}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""


@functools.cache
def use_one_thread_after_forks() -> None:
    """Let processes that are forked from this one compute with one thread.

    OpenMP's threads are not copied by a fork, and a child that waits for them waits for ever.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_use_one_thread)


def _use_one_thread() -> None:
    import torch

    torch.set_num_threads(1)
