"""``python -m bullet_trade`` is the same program as ``bullet-trade``."""

from bullet_trade.cli.main import main

if __name__ == "__main__":
    main()
