def train() -> None:
    """Train the demo models again."""
