"""API Star: typed, real-time APIs for Python."""
__version__ = "0.1.0"
