"""The plugin: two buttons, and what happens after a click."""

from qgis.core import Qgis, QgsSettings
from qgis.PyQt.QtWidgets import QAction, QInputDialog, QLineEdit

from .results import add_outline, is_ours, result_layer
from .server import Server, ServerError
from .tools import PromptTool
from .view import View

_ADDRESS = "hqsam/address"
_TOLERANCE = 1.0
"""Pixels of the screen that outlines may be off, so that they are pleasant to edit."""


class HqsamPlugin:
    """Outlines of objects by a click or a box, from a running hqsam server."""

    def __init__(self, iface):
        """Take the interface of QGIS; nothing is shown yet."""
        self._iface, self._canvas = iface, iface.mapCanvas()
        self._actions = []
        self._tool = PromptTool(self._canvas, self.segment_point, self.segment_box)
        self._seen = None
        """The last view, its number on the server, and what it was of: the next click needs no upload."""

    def initGui(self):  # noqa: N802
        """Add the buttons."""
        self._add("hqsam: outline an object", self._choose_tool)
        self._add("hqsam: server...", self.ask_for_address)

    def unload(self):
        """Remove the buttons."""
        for action in self._actions:
            self._iface.removeToolBarIcon(action)
            self._iface.removePluginRasterMenu("hqsam", action)
        self._canvas.unsetMapTool(self._tool)
        self._actions = []

    def segment_point(self, point):
        """Add the outline of what lies at a point on the map; return its feature, or None if it failed."""
        return self._segment(lambda view: {"points": [view.to_pixels(point)], "labels": [1]})

    def segment_box(self, rectangle):
        """Add the outline of what lies in a rectangle on the map; return its feature, or None if it failed."""
        return self._segment(lambda view: {"box": view.box_to_pixels(rectangle)})

    def ask_for_address(self):
        """Ask for the address of the server, and look whether it answers."""
        about = "The address that `hqsam serve` prints, with its token:"
        known = QgsSettings().value(_ADDRESS, "http://127.0.0.1:8765/?token=")
        address, ok = QInputDialog.getText(self._iface.mainWindow(), "hqsam", about, QLineEdit.EchoMode.Normal, known)
        if ok:
            self.set_address(address)

    def set_address(self, address):
        """Keep the address of the server, and say whether it answers."""
        QgsSettings().setValue(_ADDRESS, address)
        self._seen = None
        try:
            version = Server(address, timeout=5).health().get("version", "")
        except ServerError as error:
            self._say(str(error), Qgis.Warning)
            return False
        self._say(f"hqsam {version} answers", Qgis.Success)
        return True

    def _segment(self, prompt_in):
        try:
            server = Server(QgsSettings().value(_ADDRESS, ""))
            view, number = self._view_on(server)
            polygons, score = server.segment(number, tolerance=_TOLERANCE, **prompt_in(view))
        except ServerError as error:
            self._say(str(error), Qgis.Warning)
            return None
        if not polygons:
            self._say("nothing was found there", Qgis.Info)
            return None
        return add_outline(result_layer(view.crs), view.to_geometry(polygons), score)

    def _view_on(self, server):
        """Return what is on the canvas, and its number on the server; it is uploaded if it has changed."""
        layers = [layer for layer in self._canvas.layers() if not is_ours(layer)]
        crs = self._canvas.mapSettings().destinationCrs()
        size = self._canvas.mapSettings().outputSize()
        about = (
            self._canvas.extent().toString(9),
            crs.toWkt(),
            size.width(),
            size.height(),
            [one.id() for one in layers],
        )
        if self._seen is None or self._seen[0] != about:
            view = View.of_canvas(self._canvas, layers)
            self._seen = about, view, server.upload(view.png, "qgis.png")
        return self._seen[1:]

    def _choose_tool(self):
        self._canvas.setMapTool(self._tool)

    def _add(self, text, call):
        action = QAction(text, self._iface.mainWindow())
        action.triggered.connect(lambda checked=False: call())
        self._iface.addToolBarIcon(action)
        self._iface.addPluginToRasterMenu("hqsam", action)
        self._actions.append(action)

    def _say(self, words, level):
        self._iface.messageBar().pushMessage("hqsam", words, level=level, duration=8)
