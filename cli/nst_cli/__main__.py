"""The command as a module: ``python -m nst_cli`` is ``nst``."""

from nst_cli.main import main

if __name__ == "__main__":
    main()
