"""Text that UTF-8 can hold."""

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def escape_surrogates(text: str) -> str:
    """Return text that UTF-8 can hold: a byte of a file name that is not UTF-8 becomes %E9, as in a URL.

    Python represents such bytes as lone surrogates, which can be neither written nor printed.
    """
    return _SURROGATE.sub(
        lambda found: f"%{ord(found[0]) & 0xFF:02X}" if "\udc80" <= found[0] <= "\udcff" else "\ufffd", text
    )
