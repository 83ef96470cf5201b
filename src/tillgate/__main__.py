"""`python -m tillgate` is the program `tillgate`."""

from tillgate.cli import main

main()
