"""The wire protocol: frames and messages, one definition for client and server."""
