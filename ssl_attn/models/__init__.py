"""Model cards, token layouts, preprocessing and loading. The cards are data and import no torch."""
