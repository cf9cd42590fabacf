"""The layer that outlines go to."""

from qgis.core import QgsFeature, QgsProject, QgsVectorLayer, edit

NAME = "hqsam"
FIELDS = "field=label:string&field=score:double"


def is_ours(layer):
    """Return True for a layer of outlines, which is not part of what is segmented."""
    return layer.customProperty("hqsam") == "outlines"


def result_layer(crs):
    """Return the layer of outlines in a CRS; it is made, and added to the project, if there is none.

    It is in memory: QGIS asks to save it when it is closed.
    """
    for layer in QgsProject.instance().mapLayers().values():
        if is_ours(layer) and layer.crs() == crs:
            return layer
    layer = QgsVectorLayer(f"MultiPolygon?crs={crs.authid()}&{FIELDS}", NAME, "memory")
    layer.setCrs(crs)  # also one without a code
    layer.setCustomProperty("hqsam", "outlines")
    QgsProject.instance().addMapLayer(layer)
    return layer


def add_outline(layer, geometry, score, label="object"):
    """Add one object to a layer and return its feature."""
    feature = QgsFeature(layer.fields())
    feature.setGeometry(geometry)
    feature["label"], feature["score"] = label, score
    with edit(layer):
        layer.addFeature(feature)
    layer.triggerRepaint()
    return feature
