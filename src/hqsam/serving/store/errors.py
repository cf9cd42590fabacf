"""Errors of the store; `http.errors` gives each a status."""

from hqsam.errors import HqsamError


class NotFoundError(HqsamError):
    """No image, annotation or version has that number, or there is nothing to export."""


class ConflictError(HqsamError):
    """The change was made from a version that is not the newest."""


class FileGoneError(HqsamError):
    """The image's file is no longer in its folder."""


class UnsupportedFileError(HqsamError):
    """The file is not an image by its content."""
