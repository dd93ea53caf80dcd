"""The OpenAI-compatible endpoints of the emulator. Facts: openai §11."""
