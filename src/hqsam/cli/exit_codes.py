"""Exit codes of commands: 0 for done, 1 for work that failed, 2 for a command line that cannot be meant."""

FAILED_WORK, BAD_USE = 1, 2
