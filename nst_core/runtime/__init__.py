"""The machine: devices, memory, and the cache of what several jobs share."""
