"""Lorebooks: entries and their keys, conditions and biases, and what they make of a text (content §4.6, §4.7, §8.2)."""
