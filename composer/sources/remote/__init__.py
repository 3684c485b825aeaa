"""Sources by URL: fetched once into the store, and from there on files like any other."""
