"""A plugin for napari: click on an image layer, draw boxes, or find every object; the masks are a labels layer.

| module    | contents                                                                        |
| --------- | ------------------------------------------------------------------------------- |
| plane     | the visible plane of an image layer of any dimensions, and positions in it       |
| annotator | the layers with prompts and objects, and the model; needs no window              |
| widget    | the panel, which lets the model work in a thread                                 |

napari finds `napari.yaml` by the entry point `napari.manifest` of the package.
"""
