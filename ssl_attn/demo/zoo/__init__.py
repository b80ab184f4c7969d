"""The miniature zoo: small models that come with the package, each trained by its family's own objective."""
