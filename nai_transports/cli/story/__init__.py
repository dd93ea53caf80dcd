"""``nai story``, each command a screen of its own."""
