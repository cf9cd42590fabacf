"""All writing to disk: files that are there whole or not at all, and a journal that survives a kill."""

from hqsam.storage.atomic import (
    check_folder,
    move_into_place,
    output_error,
    remove,
    remove_tree,
    replacing,
    write_bytes,
    write_text,
)
from hqsam.storage.folders import replacing_folder, scratch_folder
from hqsam.storage.journal import Journal
from hqsam.storage.result_folders import holds_results

__all__ = [
    "Journal",
    "check_folder",
    "holds_results",
    "move_into_place",
    "output_error",
    "remove",
    "remove_tree",
    "replacing",
    "replacing_folder",
    "scratch_folder",
    "write_bytes",
    "write_text",
]
