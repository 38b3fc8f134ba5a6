"""What the exit status of a command tells; README, *What happens to each file*."""

EXIT_FAILED_ITEMS = 1
EXIT_REFUSED = 2
EXIT_STOPPED = 3
