"""Encoded photos on the disk, so that opening one again, even after a restart, needs no encoder.

A file is named by what was encoded: the model, and a hash of the pixels that it saw. So nothing in here can be
stale, and the whole folder can be thrown away.
"""

import hashlib
import os
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from jaxtyping import UInt8
from safetensors import SafetensorError

from hqsam import storage
from hqsam.engines import EncodedImage

_SUFFIX = ".safetensors"


class FeatureCache:
    """A folder of at most so many bytes; what was used longest ago goes first."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._lock = threading.Lock()
        self.bytes = sum(size for _, _, size in self._files())
        """In it now."""

    def key(self, model: str, pixels: UInt8[np.ndarray, "height width 3"]) -> str:
        """What the features of these pixels by this model are called."""
        digest = hashlib.sha256(repr((model, pixels.shape)).encode())
        digest.update(np.ascontiguousarray(pixels).data)
        return digest.hexdigest()

    def read(self, key: str, device: torch.device) -> EncodedImage | None:
        """The features, if they are here and whole."""
        path = self._path(key)
        try:
            parts = safetensors.torch.load_file(path)
            os.utime(path)
        except OSError:
            return None
        except SafetensorError:
            path.unlink(missing_ok=True)
            return None
        on_device = {name: part.to(device) for name, part in parts.items()}
        return EncodedImage(on_device["final"], on_device.get("early"), on_device.get("hq_features"))

    def write(self, key: str, encoded: EncodedImage) -> None:
        """Keep them, and let older ones go.

        Raises:
            OutputError: the disk is full, or the folder cannot be written.
        """
        if encoded.nbytes > self._most_bytes:
            return
        parts = {"final": encoded.final, "early": encoded.early, "hq_features": encoded.hq_features}
        tensors = {name: part.contiguous().cpu() for name, part in parts.items() if part is not None}
        path = self._path(key)
        with storage.replacing(path) as temporary_path:
            safetensors.torch.save_file(tensors, temporary_path)
        with self._lock:
            self.bytes += path.stat().st_size
            if self.bytes > self._most_bytes:
                self._make_room()

    def _make_room(self) -> None:
        """Down to nine tenths, so that the folder is not listed for every photo."""
        files = sorted(self._files())
        self.bytes = sum(size for _, _, size in files)
        for _, path, size in files:
            if self.bytes <= 0.9 * self._most_bytes:
                return
            with suppress(OSError):
                path.unlink(missing_ok=True)
                self.bytes -= size

    def _files(self) -> list[tuple[float, Path, int]]:
        """When each was last used, which, and how large it is."""
        found = []
        for path in self._folder.glob(f"*/*{_SUFFIX}"):
            with suppress(OSError):
                about = path.stat()
                found.append((about.st_mtime, path, about.st_size))
        return found

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}{_SUFFIX}"
