"""What each kind of model is trained for: a module an objective, each with `build(recipe, seed)`."""
