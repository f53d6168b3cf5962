"""The objective: tiling, feature maps, terms and their targets."""
