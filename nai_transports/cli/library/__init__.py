"""Commands on everything that the account stores."""
