"""Built-in extractors: the VGG networks, torchvision's classification networks, and ``auto``."""
