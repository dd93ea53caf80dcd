"""Commands on the account itself: what it pays for, its password, keys and tokens."""
