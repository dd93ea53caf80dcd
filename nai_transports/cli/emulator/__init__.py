"""Commands that run a server: the emulator, recordings and their replay, the demo."""
