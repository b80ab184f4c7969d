"""Do vision models look where experts look? The science: datasets, geometry, models, methods, metrics, statistics."""

from importlib.metadata import version

__version__ = version("ssl-attn")
