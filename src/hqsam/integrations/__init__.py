"""hqsam in other programs: drop-in replacements for libraries, and what annotation tools call.

| module                                     | for                                                                 |
| ------------------------------------------ | ------------------------------------------------------------------- |
| segment_anything, segment_anything_hq      | programs written for these packages: the same names                 |
| sam2                                       | programs written for Meta's package, images alone: the same names   |
| supervision                                | masks as its `Detections`, and its boxes as prompts                 |
| cvat                                       | auto-annotation functions for CVAT                                  |
| hub                                        | models with their cards, pushed to the Hugging Face Hub             |
| fiftyone                                   | a source of FiftyOne's model zoo                                    |
| napari                                     | a plugin for napari                                                 |
"""
