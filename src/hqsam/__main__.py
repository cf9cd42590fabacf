"""`python -m hqsam` is the command line, as launchers such as torchrun call it."""

from hqsam.cli import main

if __name__ == "__main__":
    main()
