from bullet_trade.quotes.synthetic.synthetic_market import SyntheticMarket

__all__ = ["SyntheticMarket"]
