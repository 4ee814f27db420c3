"""Messages to the operator's phone or mailbox.

The engine's thread only puts an event into a queue. A thread of its own (`notifier`) narrates what is wanted, keeps it
in a file (`outbox`) until each channel has taken it, and puts what waits together into few messages (`digest`).
"""
