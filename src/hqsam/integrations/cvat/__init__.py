"""Auto-annotation functions for CVAT, a module for each kind, whose `create` is called by cvat-cli and its agents.

| module      | kind of function                                                      |
| ----------- | --------------------------------------------------------------------- |
| interaction | masks for a person's clicks and boxes                                 |
| detection   | every object of an image, or the objects in a detector's boxes        |
| tracking    | masks, polygons and rectangles followed through a video               |
| nuclio      | the handler of a serverless function, for servers without agents      |

They share `masks`, which reads and writes CVAT's run lengths, and `create`, which loads a model.
"""
