"""Which Label Studio each project is of, and the keys to them."""

import threading
from collections import OrderedDict

from hqsam.serving.http.label_studio.addresses import LabelStudio

_MAX_PROJECTS = 1000


class Projects:
    """What projects have said of themselves, kept in memory alone; what the server was started with counts first."""

    def __init__(self, configured: LabelStudio) -> None:
        self._configured = configured
        self._known: OrderedDict[str, LabelStudio] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, project: str, server: LabelStudio) -> None:
        """Remember what a project's setup request said."""
        with self._lock:
            self._known[project] = server
            self._known.move_to_end(project)
            while len(self._known) > _MAX_PROJECTS:
                self._known.popitem(last=False)

    def server_of(self, project: str | None) -> LabelStudio:
        """Return the Label Studio of a project; its address is empty if nobody has said it."""
        said, configured = self._known.get(project or "", LabelStudio()), self._configured
        return LabelStudio(configured.address or said.address, configured.api_key or said.api_key)
