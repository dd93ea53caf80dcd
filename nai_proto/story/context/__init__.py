"""The context: what a model sees of a story, chosen and put together as the website does it. Facts: content §8."""
