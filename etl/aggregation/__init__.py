"""Scores to summaries: groups with intervals, choices of layers, ranks of heads."""
