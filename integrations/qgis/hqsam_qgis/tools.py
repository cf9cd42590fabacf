"""Tools of the canvas: a click on an object, or a box around it."""

from qgis.core import QgsPointXY, QgsRectangle, QgsWkbTypes
from qgis.gui import QgsMapTool, QgsRubberBand
from qgis.PyQt.QtGui import QColor

_LEAST_PIXELS = 4
"""A shorter drag is a click."""


class PromptTool(QgsMapTool):
    """Calls back with a point for a click, and with a rectangle for a drag."""

    def __init__(self, canvas, on_point, on_box):
        """Take the canvas, and what is called with a QgsPointXY or a QgsRectangle in map coordinates."""
        super().__init__(canvas)
        self._on_point, self._on_box = on_point, on_box
        self._start = None
        self._band = QgsRubberBand(canvas, QgsWkbTypes.PolygonGeometry)
        self._band.setColor(QColor(255, 90, 0, 70))

    def canvasPressEvent(self, event):  # noqa: N802
        """Remember where a drag begins."""
        self._start = event.pos()

    def canvasMoveEvent(self, event):  # noqa: N802
        """Draw the box."""
        if self._start is not None and self._is_box(event.pos()):
            box = QgsRectangle(self.toMapCoordinates(self._start), self.toMapCoordinates(event.pos()))
            self._band.reset(QgsWkbTypes.PolygonGeometry)
            for x, y in ((0, 0), (0, 1), (1, 1), (1, 0)):
                self._band.addPoint(QgsPointXY(box.xMinimum() + x * box.width(), box.yMinimum() + y * box.height()))

    def canvasReleaseEvent(self, event):  # noqa: N802
        """Ask for the object."""
        start, self._start = self._start, None
        self._band.reset(QgsWkbTypes.PolygonGeometry)
        if start is None:
            return
        here = self.toMapCoordinates(event.pos())
        there = self.toMapCoordinates(start)
        moved = abs(event.pos().x() - start.x()) >= _LEAST_PIXELS and abs(event.pos().y() - start.y()) >= _LEAST_PIXELS
        if moved:
            self._on_box(QgsRectangle(there, here))
        else:
            self._on_point(here)

    def deactivate(self):
        """Forget a drag that was begun."""
        self._start = None
        self._band.reset(QgsWkbTypes.PolygonGeometry)
        super().deactivate()

    def _is_box(self, position):
        assert self._start is not None
        return (position - self._start).manhattanLength() >= _LEAST_PIXELS
