"""What accounts of the emulator are and have stored: profile, objects, keystore, tokens, mails."""
