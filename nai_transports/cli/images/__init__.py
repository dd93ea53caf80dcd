"""Commands that make and inspect images."""
