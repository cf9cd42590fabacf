"""A table of masks, as the official generator passes it around."""

from collections.abc import ItemsView
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hqsam.errors import OptionError


class MaskData:
    """Named columns: lists, arrays and tensors, with a row for each mask."""

    def __init__(self, **columns: list | np.ndarray | Tensor) -> None:
        self._columns: dict[str, Any] = {}
        for name, column in columns.items():
            self[name] = column

    def __setitem__(self, name: str, column: list | np.ndarray | Tensor) -> None:
        if not isinstance(column, list | np.ndarray | Tensor):
            raise OptionError(f"{name} is a {type(column).__name__}; a column is a list, an array or a tensor")
        self._columns[name] = column

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def __delitem__(self, name: str) -> None:
        del self._columns[name]

    def items(self) -> ItemsView[str, Any]:
        """Return names and columns."""
        return self._columns.items()

    def filter(self, keep: Tensor) -> None:
        """Keep the rows that a bool tensor marks, or those of the given numbers in their order."""
        rows = keep.nonzero()[:, 0] if keep.dtype == torch.bool else keep
        for name, column in self._columns.items():
            if isinstance(column, Tensor):
                self._columns[name] = column[rows.to(column.device)]
            elif isinstance(column, np.ndarray):
                self._columns[name] = column[rows.cpu().numpy()]
            else:
                self._columns[name] = [column[row] for row in rows.tolist()]

    def cat(self, new_stats: "MaskData") -> None:
        """Append the rows of another table; columns that are new are copied."""
        for name, column in new_stats.items():
            own = self._columns.get(name)
            if own is None:
                self._columns[name] = deepcopy(column)
            elif isinstance(column, Tensor):
                self._columns[name] = torch.cat([own, column])
            elif isinstance(column, np.ndarray):
                self._columns[name] = np.concatenate([own, column])
            else:
                self._columns[name] = own + deepcopy(column)

    def to_numpy(self) -> None:
        """Turn tensors into arrays."""
        for name, column in self._columns.items():
            if isinstance(column, Tensor):
                self._columns[name] = column.detach().cpu().numpy()
