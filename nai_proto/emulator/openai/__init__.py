"""The OpenAI-compatible endpoints of the emulator.

See docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements.
"""
