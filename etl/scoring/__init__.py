"""Rows of scores: of maps, of baselines, of chance by drawing."""
