"""The emulator's endpoints of accounts, objects, contests, speech and tags; text and images have packages of their own."""
