"""Every exception that hqsam raises.

HqsamError
├── InputError            what the caller passed cannot be used (also a ValueError)
│   ├── ImageError        an image that cannot be read, or is too large, or has a shape we do not know
│   ├── PromptError       a point, box, label or mask that does not fit its image
│   └── OptionError       an unknown name or an impossible choice: a model, a source, a format
├── WeightsError          a checkpoint that cannot be had or does not fit
│   ├── CheckpointError   the file is damaged, unsafe, or of another model
│   └── DownloadError     no network, a broken transfer, a wrong hash
├── DataError             a data folder or annotation file that cannot be used
├── TrainingError         training cannot go on; the last good checkpoint is intact
├── OutputError           a result could not be written; nothing half-written was left
├── ServerError           an hqsam server cannot be reached, or did not do what it was asked
└── MissingExtra          an optional package is not installed (also an ImportError)
"""


class HqsamError(Exception):
    """The root: catch this to catch everything that hqsam raises on purpose."""


class InputError(HqsamError, ValueError):
    """What the caller passed cannot be used."""


class ImageError(InputError):
    """An image that cannot be read, is too large, or has a shape we do not know."""


class PromptError(InputError):
    """A point, box, label or mask that does not fit its image."""


class OptionError(InputError):
    """An unknown name or an impossible choice."""


class WeightsError(HqsamError):
    """A checkpoint that cannot be had or does not fit."""


class CheckpointError(WeightsError):
    """The file is damaged, unsafe, or of another model."""


class DownloadError(WeightsError):
    """No network, a broken transfer, or a file whose hash is wrong."""


class DataError(HqsamError):
    """A data folder or annotation file that cannot be used."""


class TrainingError(HqsamError):
    """Training cannot go on; the last good checkpoint is intact."""


class OutputError(HqsamError):
    """A result could not be written; nothing half-written was left."""


class ServerError(HqsamError):
    """An hqsam server cannot be reached, or did not do what it was asked.

    `status` is the HTTP status, 0 if there was no answer; `code` is the server's word for the reason.
    """

    def __init__(self, message: str, status: int = 0, code: str = "unreachable") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class MissingExtra(HqsamError, ImportError):  # noqa: N818  (it is an ImportError first)
    """An optional package is not installed."""
