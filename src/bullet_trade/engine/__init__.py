"""The engine: one thread, one inbox, one clock; timers, the order desk and the strategy host."""
