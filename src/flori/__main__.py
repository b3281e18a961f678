"""``python -m flori`` is ``flori``."""

from flori.cli import main

if __name__ == "__main__":
    main()
