"""One file a kind of source; each is registered as an entry point, as those of plug-ins are."""
