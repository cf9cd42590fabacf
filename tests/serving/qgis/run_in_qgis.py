"""Run inside QGIS's own Python, without a display: clicks and boxes on a map, and the outlines that come of them.

Arguments: the folder of the plugin, a GeoTIFF, the server's address, and the JSON file for what was found.
"""

import json
import sys

from qgis.core import Qgis, QgsApplication, QgsProject, QgsRasterLayer, QgsRectangle
from qgis.gui import QgsMapCanvas, QgsMapMouseEvent
from qgis.PyQt.QtCore import QEvent, QPoint, Qt
from qgis.PyQt.QtWidgets import QMainWindow

FOLDER, RASTER, ADDRESS, RESULT = sys.argv[1:]


class Interface:
    """As much of QGIS's window as a plugin asks for; it keeps what was said."""

    def __init__(self):
        self.window, self.canvas = QMainWindow(), QgsMapCanvas()
        self.said, self.icons, self.menu = [], [], []

    def mainWindow(self):  # noqa: N802
        return self.window

    def mapCanvas(self):  # noqa: N802
        return self.canvas

    def messageBar(self):  # noqa: N802
        return self

    def pushMessage(self, title, words, level=Qgis.Info, duration=0):  # noqa: N802
        self.said.append(words)

    def addToolBarIcon(self, action):  # noqa: N802
        self.icons.append(action)

    def removeToolBarIcon(self, action):  # noqa: N802
        self.icons.remove(action)

    def addPluginToRasterMenu(self, title, action):  # noqa: N802
        self.menu.append(action)

    def removePluginRasterMenu(self, title, action):  # noqa: N802
        self.menu.remove(action)


def mouse(canvas, kind, x, y):
    """A left button at a place of the canvas, as the canvas gives it to its tool."""
    return QgsMapMouseEvent(canvas, kind, QPoint(x, y), Qt.MouseButton.LeftButton)


application = QgsApplication([], True)
application.initQgis()
sys.path.insert(0, FOLDER)
from hqsam_qgis import classFactory  # noqa: E402

interface = Interface()
layer = QgsRasterLayer(RASTER, "map")
assert layer.isValid(), layer.error().message()
QgsProject.instance().addMapLayer(layer)
canvas = interface.canvas
canvas.resize(600, 400)
canvas.setDestinationCrs(layer.crs())
canvas.setFrameStyle(0)
canvas.setLayers([layer])
canvas.show()
application.processEvents()
canvas.setExtent(layer.extent())

plugin = classFactory(interface)
plugin.initGui()
buttons = len(interface.icons)
refused = plugin.set_address("http://127.0.0.1:9/?token=x")
nothing = plugin.segment_point(layer.extent().center())
answers = plugin.set_address(ADDRESS)

box = plugin.segment_box(QgsRectangle(*json.loads(sys.stdin.readline())))
canvas.setLayers([*QgsProject.instance().mapLayers().values()])
uploads = plugin._seen[2]
# A drag and a click by the mouse, through the tool.
interface.icons[0].trigger()
tool = canvas.mapTool()
first, last = (QPoint(*place) for place in json.loads(sys.stdin.readline()))
tool.canvasPressEvent(mouse(canvas, QEvent.Type.MouseButtonPress, first.x(), first.y()))
tool.canvasMoveEvent(mouse(canvas, QEvent.Type.MouseMove, last.x(), last.y()))
tool.canvasReleaseEvent(mouse(canvas, QEvent.Type.MouseButtonRelease, last.x(), last.y()))
tool.canvasPressEvent(mouse(canvas, QEvent.Type.MouseButtonPress, 300, 200))
tool.canvasReleaseEvent(mouse(canvas, QEvent.Type.MouseButtonRelease, 300, 200))

results = next(one for one in QgsProject.instance().mapLayers().values() if one.customProperty("hqsam"))
shapes = [(feature.geometry(), feature["score"]) for feature in results.getFeatures()]
outlines = [{"wkt": shape.asWkt(), "score": score, "valid": shape.isGeosValid()} for shape, score in shapes]
about = {
    "buttons": buttons, "refused": refused, "nothing": nothing is None, "answers": answers, "said": interface.said,
    "crs": results.crs().authid(), "outlines": outlines, "same_view": plugin._seen[2] == uploads,
    "torch": "torch" in sys.modules, "qgis": Qgis.QGIS_VERSION,
}  # fmt: skip
plugin.unload()
about["unloaded"] = not interface.icons and not interface.menu
with open(RESULT, "w") as file:  # noqa: PTH123
    json.dump(about, file)
sys.stdout.flush()
import os  # noqa: E402

os._exit(0)  # QGIS crashes at times when Python tears it down
