"""Work on many images: find them, go on after a failure, keep or replace the results of an earlier run."""
