"""A plugin of QGIS: outlines of objects by a click or a box, from a running hqsam server.

It needs the standard library and QGIS alone; torch is never imported here.
"""


def classFactory(iface):  # noqa: N802  (QGIS calls it so)
    """Return the plugin."""
    from .plugin import HqsamPlugin

    return HqsamPlugin(iface)
