"""What is done to style images, and where the colours of the picture come from."""
