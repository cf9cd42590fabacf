"""Encoded images on disk, so that opening one again, even after a restart, does not run the encoder.

A file is named by a hash of the model and of the pixels that it saw. So no file can be stale, and the whole folder may
be deleted.
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

from hqsam.engines import EncodedImage
from hqsam.weights.save import write_safetensors

_SUFFIX = ".safetensors"


class FeatureCache:
    """Encoded images in a folder of at most `max_bytes`; the least recently used files are deleted first."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._lock = threading.Lock()
        self.bytes = sum(size for _, _, size in self._files())
        """Size of the folder now."""

    def key(self, model: str, pixels: UInt8[np.ndarray, "height width 3"]) -> str:
        """Return the name of the features that this model makes of these pixels."""
        digest = hashlib.sha256(repr((model, pixels.shape)).encode())
        digest.update(np.ascontiguousarray(pixels).data)
        return digest.hexdigest()

    def read(self, key: str, device: torch.device) -> EncodedImage | None:
        """Return the features, or None if they are not here or the file is damaged."""
        path = self._path(key)
        try:
            parts = safetensors.torch.load_file(path)
            os.utime(path)
        except OSError:
            return None
        except SafetensorError:
            path.unlink(missing_ok=True)
            return None
        return EncodedImage.from_tensors(parts, device)

    def write(self, key: str, encoded: EncodedImage) -> None:
        """Write the features, and remove older ones if the folder is full.

        Raises:
            OutputError: the disk is full, or the folder cannot be written.
        """
        if encoded.nbytes > self._max_bytes:
            return
        path = self._path(key)
        write_safetensors(path, encoded.to_tensors(), {})
        with self._lock:
            self.bytes += path.stat().st_size
            if self.bytes > self._max_bytes:
                self._evict()

    def _evict(self) -> None:
        """Shrink the folder to nine tenths, so that it is not listed for every image."""
        files = sorted(self._files())
        self.bytes = sum(size for _, _, size in files)
        for _, path, size in files:
            if self.bytes <= 0.9 * self._max_bytes:
                return
            with suppress(OSError):
                path.unlink(missing_ok=True)
                self.bytes -= size

    def _files(self) -> list[tuple[float, Path, int]]:
        """Return the time of last use, path and size of each file."""
        found = []
        for path in self._folder.glob(f"*/*{_SUFFIX}"):
            with suppress(OSError):
                about = path.stat()
                found.append((about.st_mtime, path, about.st_size))
        return found

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}{_SUFFIX}"
