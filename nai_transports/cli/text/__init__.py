"""Commands that generate text and speech, and the tools for it."""
