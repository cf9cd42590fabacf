"""Every exception that hqsam raises.

HqsamError
├── InputError            an argument that cannot be used (also a ValueError)
│   ├── ImageError        an image that cannot be read, or is too large, or has a shape we do not know
│   │   └── StoreError    the store that it is in cannot be reached, or refuses
│   ├── PromptError       a point, box, label or mask that does not fit its image
│   └── OptionError       an unknown name or an impossible choice, of a model, a mask source, a format
├── WeightsError          a checkpoint that cannot be loaded
│   ├── CheckpointError   the file is damaged, unsafe, or of another model
│   ├── DownloadError     no network, a broken transfer, a wrong hash
│   └── UploadError       a model that could not be pushed; the repo is as it was
├── DataError             a data folder or annotation file that cannot be used
├── TrainingError         training cannot go on; the last good checkpoint is intact
├── OutputError           a result could not be written; nothing half-written was left
├── ServerError           an hqsam server cannot be reached, or did not do what it was asked
└── MissingExtra          an optional package is not installed (also an ImportError)

DataWarning               something in annotations or weights that was left out when they were read (a UserWarning)
ImageWarning              something about an image that was left out or changed when it was read (a UserWarning)
"""


class HqsamError(Exception):
    """Base class of every exception that hqsam raises on purpose."""


class InputError(HqsamError, ValueError):
    """An argument that cannot be used."""


class ImageError(InputError):
    """An image that cannot be read, is too large, or has a shape we do not know."""


class StoreError(ImageError):
    """A store (s3://, https://, ...) that cannot be reached, or refuses what was asked."""


class PromptError(InputError):
    """A point, box, label or mask that does not fit its image."""


class OptionError(InputError):
    """An unknown name or an impossible choice."""


class WeightsError(HqsamError):
    """A checkpoint that cannot be loaded."""


class CheckpointError(WeightsError):
    """A checkpoint file that is damaged, unsafe, or of another model."""


class DownloadError(WeightsError):
    """A download that failed: no network, a broken transfer, or a file whose hash is wrong."""


class UploadError(WeightsError):
    """A push that failed: no token, no network, or the Hub refused it; the repo is as it was."""


class DataError(HqsamError):
    """A data folder or annotation file that cannot be used."""


class TrainingError(HqsamError):
    """A training that cannot go on; its last good checkpoint is intact."""


class OutputError(HqsamError):
    """A result that could not be written; no incomplete file was left."""


class ServerError(HqsamError):
    """An hqsam server that cannot be reached, or that answered with an error.

    Attributes:
        status: the HTTP status, 0 if there was no answer.
        code: the server's word for the reason.
    """

    def __init__(self, message: str, status: int = 0, code: str = "unreachable") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class MissingExtra(HqsamError, ImportError):  # noqa: N818  (it is an ImportError first)
    """An optional package that is not installed; the message has the command that installs it."""


class DataWarning(UserWarning):
    """Something in a file of annotations or weights that was left out when it was read, with what and why."""


class ImageWarning(UserWarning):
    """Something that was left out or changed when an image was read, such as the further pages of a stack.

    `kind` is one word for it: warnings of one kind say the same of different images.
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind
