"""The job: everything that decides the pixels, as a value. Imports no torch."""
