"""What packages add to compose: found by their entry points, loaded when a spec asks for it."""
