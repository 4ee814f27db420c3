"""The wire protocol: frames and messages, one definition for client and server.

A connection carries frames (`frames`), a frame one JSON object (`body`), an object one message (`messages`). Requests
name an action (`actions`) and carry a payload (`trading`, `market`); tables have encodings of their own (`tables`).
What deployed peers do not know is used only after both sides have announced it (`features`). Nothing here opens a
socket, reads a clock or keeps state between two messages, except that a decoder keeps an unfinished frame.
"""
