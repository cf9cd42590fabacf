"""Work on many images: find them, go on after a failure, keep or replace the results of an earlier run.

`run_batch` is the engine for archives of any size; `run` does the same work on each image for the single commands.
"""
