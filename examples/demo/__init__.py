"""The demo: the sockets of `examples/seed.py` and a chat, on a page that shows what goes over the wire."""
