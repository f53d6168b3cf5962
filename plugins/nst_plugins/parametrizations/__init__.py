"""What an optimizer changes."""
