"""`python -m apistar` is the command `apistar`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="apistar")
