"""Adapters to brokers; each is one account at one broker behind `ports.broker.Broker`."""
