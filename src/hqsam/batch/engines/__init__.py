"""Ways to run a batch job: in this process, in several on this machine, or on a Ray cluster. Results are the same."""
