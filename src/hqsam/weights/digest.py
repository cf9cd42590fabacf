"""Fingerprints of files."""

import hashlib
from pathlib import Path

_CHUNK_BYTES = 1 << 22


def sha256_of(path: Path) -> str:
    """The digest of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
