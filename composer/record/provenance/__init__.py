"""What a build was made from, in documents that other tools read: in-toto, SLSA and CycloneDX."""
