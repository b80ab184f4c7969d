"""Synthetic facades with exact boxes, and two small models trained on their styles."""
