"""``python -m composer``: the command line where the ``compose`` script is not on the path."""

from composer.cli import main

if __name__ == "__main__":
    main()
