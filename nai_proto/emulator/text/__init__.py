"""Text generation of the emulator: a small language model, penalties, samplers, and the native endpoints."""
