import errno
from types import SimpleNamespace

import psutil
import pytest
import torch

from hqsam import hardware
from hqsam.errors import ImageError, OptionError

CPU = torch.device("cpu")


def test_a_named_device_is_taken_and_so_is_one_of_torch():
    assert hardware.pick_device("cpu") == CPU
    assert hardware.pick_device(CPU) == CPU
    with pytest.raises(OptionError, match="unknown device 'meta'"):
        hardware.pick_device(torch.device("meta"))


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:-1", "", "cpu:3"])
def test_an_unknown_device_is_an_error_that_names_the_choices_or_what_is_here(name):
    with pytest.raises(OptionError, match="cpu"):
        hardware.pick_device(name)


def test_auto_is_always_a_device_of_this_machine():
    assert hardware.pick_device("auto").type in hardware.DEVICES


def test_a_missing_accelerator_is_an_error_and_not_a_silent_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(OptionError, match="it has cpu"):
        hardware.pick_device("cuda")


_AMD, _INTEL = (f"vendor_id\t: {vendor}\nmodel name\t: unknown\n" for vendor in ("AuthenticAMD", "GenuineIntel"))


@pytest.mark.parametrize(
    ("cpuinfo", "name", "features", "expected"),
    [
        (_AMD, "", ["avx2"], torch.float32),
        (_AMD, "", ["avx2", "avx512_f"], torch.float32),
        (_AMD, "", ["avx512_bf16"], torch.bfloat16),
        (_INTEL, "", ["avx512_bf16", "amx_bf16"], torch.bfloat16),
        (_INTEL, "", ["avx512_bf16"], torch.float32),
        ("", "Intel64 Family 6 Model 207 Stepping 2, GenuineIntel", ["avx512_bf16"], torch.float32),
        ("", "AMD64 Family 25 Model 17 Stepping 1, AuthenticAMD", ["avx512_bf16"], torch.bfloat16),
    ],
)
def test_auto_precision_is_bfloat16_only_where_the_cpu_is_faster_in_it(monkeypatch, cpuinfo, name, features, expected):
    monkeypatch.setattr(hardware, "cpu_features", lambda: features)
    monkeypatch.setattr(hardware, "_read", lambda path: cpuinfo)
    monkeypatch.setattr(hardware.platform, "processor", lambda: name)
    assert hardware.pick_precision("auto", CPU) == expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), torch.float32), ((8, 0), torch.bfloat16)])
def test_auto_precision_on_cuda_follows_the_compute_capability(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert hardware.pick_precision("auto", torch.device("cuda")) == expected


def test_a_named_precision_is_taken_and_an_unknown_one_refused():
    assert hardware.pick_precision("float32", CPU) == torch.float32
    assert hardware.pick_precision("int8", CPU) == torch.int8
    with pytest.raises(OptionError, match="bfloat16"):
        hardware.pick_precision("bf16", CPU)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/sys/fs/cgroup/cpu.max": "200000 100000"}, 2),
        ({"/sys/fs/cgroup/cpu.max": "50000 100000"}, 1),
        ({"/sys/fs/cgroup/cpu.max": "max 100000"}, 64),
        (
            {
                "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000",
                "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            3,
        ),
        ({"/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, 64),
        ({}, 64),
    ],
)
def test_threads_respect_the_quota_of_a_container(monkeypatch, files, expected):
    monkeypatch.setattr(hardware.os, "sched_getaffinity", lambda pid: range(64), raising=False)
    monkeypatch.setattr(hardware, "_read", lambda path: files.get(path, ""))
    assert hardware.available_threads() == expected


def test_memory_is_the_smaller_of_the_machine_s_and_the_container_s(monkeypatch):
    files = {
        "/sys/fs/cgroup/memory.max": "4096",
        "/sys/fs/cgroup/memory.current": "1024",
    }
    monkeypatch.setattr(hardware, "_read", lambda path: files.get(path, ""))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8192))
    assert hardware.available_memory() == 3072
    files.clear()
    assert hardware.available_memory() == 8192


class OpenCvError(Exception):
    """The words of cv2.error."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("std::bad_alloc"),
        OpenCvError("(-4:Insufficient memory) Failed to allocate 9 bytes in function 'OutOfMemoryError'"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=lambda error: str(error)[:20],
)
def test_every_library_s_way_of_saying_that_memory_ran_out_is_understood(error):
    assert hardware.is_out_of_memory(error)
    outer = ValueError("while reading")
    outer.__cause__ = error
    assert hardware.is_out_of_memory(outer)


def test_other_errors_are_not_about_memory():
    assert not hardware.is_out_of_memory(OSError(errno.ENOSPC, "No space left on device"))
    assert not hardware.is_out_of_memory(ImageError("out of memory.jpg cannot be read"))
    assert not hardware.is_out_of_memory(RuntimeError("shape mismatch"))


def test_the_report_is_text_throughout():
    lines = hardware.report()
    assert {"device", "precision", "threads", "memory"} <= lines.keys()
    assert all(isinstance(value, str) and value for value in lines.values())
