"""The stand-in as a process of its own; it ends when its standard input does."""

import sys

from tasks.standin.running import main

if __name__ == "__main__":
    main(sys.argv[1:])
