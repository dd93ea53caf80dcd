"""Text generation of the emulator: a small language model, samplers, and the native endpoints."""
