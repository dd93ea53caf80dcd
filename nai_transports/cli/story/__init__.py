"""Commands on one story, of the account or in a file."""
