"""NovelAI's protocols, without I/O."""
