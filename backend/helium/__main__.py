"""`helium`, and `python -m helium`."""

from helium.cli.app import main

if __name__ == "__main__":
    main()
