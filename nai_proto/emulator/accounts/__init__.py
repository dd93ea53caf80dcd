"""Accounts of the emulator and everything they have: profile, tokens, mails, keystore and objects; all can be stored."""
