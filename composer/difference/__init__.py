"""What two models differ in, layer by layer: made of specs, plans, locks or artifacts alike."""
