"""`python -m recval` is the same as the command `recval`."""

from recval.cli import main

if __name__ == "__main__":
    main()
