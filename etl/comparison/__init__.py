"""Pairs of series on the same images: which, on what, and what the tests say."""
