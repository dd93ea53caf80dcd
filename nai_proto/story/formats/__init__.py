"""The two formats in which a story's text is stored, behind one protocol, `backend.Text` (content §5, §7)."""
