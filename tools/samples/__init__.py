"""What the sample images are made of."""
