"""The two formats in which a story's text is stored, behind one protocol, `story_text.StoryText`.

See:
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#7-the-document-field
"""
