"""What is on the canvas, as an image with its place on the map."""

from qgis.core import QgsGeometry, QgsMapRendererParallelJob, QgsMapSettings, QgsPointXY
from qgis.PyQt.QtCore import QBuffer, QByteArray


class View:
    """A picture of the map, and the way from its pixels to the map and back. It is never turned."""

    def __init__(self, png, size, extent, crs):
        """Take the bytes of a PNG, its width and height, the rectangle that it shows, and the CRS of that."""
        self.png, self.width, self.height = png, size.width(), size.height()
        self.extent, self.crs = extent, crs

    @classmethod
    def of_canvas(cls, canvas, layers):
        """Draw layers as the canvas shows them, without turning, without annotations, and without our own results."""
        settings = QgsMapSettings(canvas.mapSettings())
        settings.setLayers(layers)
        settings.setRotation(0)
        settings.setFlag(QgsMapSettings.DrawLabeling, False)
        settings.setFlag(QgsMapSettings.DrawSelection, False)
        job = QgsMapRendererParallelJob(settings)
        job.start()
        job.waitForFinished()
        image = job.renderedImage()
        data = QByteArray()
        buffer = QBuffer(data)
        buffer.open(QBuffer.OpenModeFlag.WriteOnly)
        image.save(buffer, "PNG")
        # The visible extent is the asked one, made wider to the shape of the image.
        return cls(bytes(data), image.size(), settings.visibleExtent(), settings.destinationCrs())

    def to_pixels(self, point):
        """Return x, y in pixels of a point on the map."""
        x = (point.x() - self.extent.xMinimum()) / self.extent.width() * self.width
        y = (self.extent.yMaximum() - point.y()) / self.extent.height() * self.height
        return [x, y]

    def box_to_pixels(self, rectangle):
        """Return x0, y0, x1, y1 in pixels of a rectangle on the map."""
        x0, y0 = self.to_pixels(QgsPointXY(rectangle.xMinimum(), rectangle.yMaximum()))
        x1, y1 = self.to_pixels(QgsPointXY(rectangle.xMaximum(), rectangle.yMinimum()))
        return [x0, y0, x1, y1]

    def to_geometry(self, polygons):
        """Return polygons in pixels, as the server has them, as one geometry on the map."""
        parts = [[self._ring(ring) for ring in (one["exterior"], *one["holes"])] for one in polygons]
        return QgsGeometry.fromMultiPolygonXY(parts)

    def _ring(self, corners):
        wide, high = self.extent.width() / self.width, self.extent.height() / self.height
        points = [QgsPointXY(self.extent.xMinimum() + x * wide, self.extent.yMaximum() - y * high) for x, y in corners]
        return [*points, points[0]]
