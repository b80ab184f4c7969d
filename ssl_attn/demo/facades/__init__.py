"""Synthetic facades: pictures of buildings in four styles, with the exact box of everything that tells the style."""
