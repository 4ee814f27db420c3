"""What a strategy file sees: the JoinQuant functions and objects, bound to the engine that runs the file."""
