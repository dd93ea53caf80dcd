"""The emulator's OpenAI-compatible endpoints.

See docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements.
"""
