"""The training text of the emulator's language model: eight tales of one town, written for this library.

A model whose context is two words writes well if many sentences share the same two words. So the tales share their
people, places and phrases, all are in the third person and the past tense, and speech always closes after a punctuation
mark.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["TALES"]

_WRAPPED: Final = """
Once there was a town by the sea called Saltmere, and at the end of the quay in Saltmere there stood a lamp. The lamp
was lit every evening by an old man named Tobias, and every evening a girl named Wren came down to the quay to watch
him.

"Why do you light it?" asked Wren. "There are no ships in the harbour."

"There are always ships," said Tobias. "Some of them are a long way from the harbour, that is all."

Wren looked out over the water. The sea was grey and quiet, and there was nothing on it but the wind. She waited until
the stars came out, and she waited until the bell of the old church rang nine, and then she went home along the quay
with her hands in her pockets.

In the night the wind turned. The rain came in from the sea, and the windows of the town shook, and the water rose
against the stones of the quay. Wren lay in her bed under the roof and thought of the lamp. She thought of it for a long
time. At last she put on her father's coat and ran down the hill to the harbour.

The old man was there before her. He was holding the lamp in both hands, and the light was very small.

"Help me!" said Tobias. "The glass is broken."

So the girl stood in the rain and held her coat around the light, and neither of them said a word until the morning.
When the morning came there was a ship in the harbour, and then there were two ships, and then there were three.

"You see," said the old man, "they were only a long way from the harbour."

And from that day there were two who came down to the quay in the evening, and the lamp at the end of the quay was never
dark again.

***

There was once a fox who lived in the wood on the other side of the river, and every morning the fox came down to the
water and looked at the town. The town was full of bread and lamps and voices, and the fox wanted to know what all of
it was for.

One morning the ferryman saw her there. He was an old man, and he had carried a great many people over the river, but
he had never carried a fox.

"What will you give me?" asked the ferryman.

"I have nothing but a secret," said the fox.

"A secret is heavy," said the ferryman, "but the boat is strong. Sit down in the middle and keep your tail out of the
water."

So the fox sat down in the middle of the boat, and the old man took up his oars. The river was wide and quiet. The sun
came up over the hill, and the roofs of the town began to shine.

"Now," said the ferryman, "tell me the secret."

"The river is not in a hurry," said the fox. "It only looks that way from the quay."

The ferryman thought about it for a long time. He thought about it until they came to the other side, and he thought
about it when the fox had gone up the hill to look at the bread and the lamps. And in the evening, when she came back to
the boat, he was sitting on the stones with his hands in his pockets, and he was smiling.

"Was it worth the trouble?" he asked.

"The bread was good," said the fox, "but nobody in the town would tell me a secret. I think they have forgotten where
they put them."

The old man laughed, and he took up his oars, and he carried her home over the quiet water and asked for nothing at
all.

***

In the winter the snow lay deep on the hill above Saltmere, and nobody went up to the old church but a boy named
Corin, who rang the bell. He rang it in the morning and he rang it in the evening, and he was never late.

One evening the bell did not ring. The people of the town came out of their houses and looked up at the hill. There was
no light in the tower, and the snow was falling, and it was very quiet.

"The boy is asleep," said the baker.

"The boy is ill," said the miller.

"Somebody should go and see," said Wren, and because nobody else said a word she took a lamp and went up the hill.

The snow was as high as her knees, and the wind was cold. She walked for a long time. At the door of the church she
found the boy sitting on the steps, and in his arms there was a great white bird with a broken wing.

"Wait! If I ring the bell," said the boy, "she will be afraid."

Wren sat down on the steps beside him. The bird looked at the lamp, and it looked at the girl, and it put its head under
the good wing and slept.

"Then we will not ring it," said Wren. "But they are all standing in the snow and looking up at the hill."

So the boy held the bird and the girl held the lamp as high as she could, and she moved it slowly from one side to the
other, nine times, because it was nine. And down in the town the people counted the light as if it were the bell, and
they nodded, and they went home to bed.

In the spring the white bird flew away over the sea. But in the winter, when the snow lies deep on the hill, the bell of
Saltmere is still rung with a lamp.

***

Once there was a baker in Saltmere who got up before the sun. Her name was Maud, and she made the bread for the whole
town, and while the bread was in the oven she sat at the window and looked at the sea.

One morning a man came to the door. He had a grey coat and a grey hat, and he had no money.

"I have come a long way," said the man, "and I am hungry. I can tell you a story for a loaf of bread."

"I have no time for a story," said the baker, but the bread was in the oven, and the morning was dark, and so she sat
down at the window and listened.

The man told her of a town under the water. In that town there was a baker, and the baker got up before the sun, though
no sun had ever come there, and she made the bread for the fish and the drowned sailors. And while the bread was in the
oven she sat at the window and looked up, and high above her she saw a small yellow light.

"What was the light?" asked Maud.

"It was your window," said the man in the grey coat. "She has looked at it every morning for a hundred years."

The baker was quiet for a long time. Then she gave him two loaves, one for himself and one for the sea, and the man went
down to the quay. When the people of the town came for their bread, it was a little burned, and nobody said a word about
it.

And every morning after that she put a lamp in the window, though the sun was already on the hill, and every morning
there was one loaf more than the town could eat.

***

There was once a clock in the market of Saltmere that was always wrong. It was slow in the winter and fast in the
spring, and on the day of the fair it did not go at all. The people of the town had looked at it for so long that they
were used to it, and they were never late, because everybody was late together.

One day a clockmaker came over the river with the ferryman. She was a tall woman with a small bag, and she stood in
the market and looked up at the clock.

"I can mend it," said the clockmaker.

"It is not broken," said the miller. "It is only slow."

"It is not slow," said the baker. "It is only tired."

"You should ask it," said a small voice, and it was the voice of a girl named Wren.

So the clockmaker went up the ladder and put her ear against the clock. She listened for a long time. The people stood
in the market and waited, and it was so quiet that they could hear the sea.

"Well?" asked the miller. "What does it say?"

"It says that it can see the harbour from there," said the clockmaker. "When a ship is coming home, it goes slowly, so
that the ship will not be late. And when somebody has to go away, it goes slowly too."

Nobody said a word. The old man who lit the lamp took off his hat.

"And when is it fast?" asked Wren.

"When you are waiting for the spring," said the clockmaker, and she came down the ladder and put the small bag on her
shoulder. She would not take any money, but she stayed in the town until the fair, and on the day of the fair she was
the only one who knew what time it was, and she told nobody.

***

One evening in the spring the fox came over the river again, and she had a letter in her mouth. She had found it in the
wood, under a stone, and it was so old that the ink was brown.

"I can't read it," said the fox, "but I know that it is not for me."

Wren took the letter and held it under the lamp. There was no name on it. There were only a few words, and the words
were these: I have waited at the end of the quay, and I will wait there every evening until you come.

"Who wrote it?" asked the ferryman.

"Somebody who was waiting," said Wren.

They took the letter to the baker, and the baker did not know the hand. They took it to the miller, and the miller was
asleep. At last they took it to the old man at the end of the quay, and when Tobias saw the letter he sat down on the
stones and was quiet for a long time.

"I wrote it," said Tobias. "I wrote it when I was young, and I gave it to a boy with a loaf of bread, and the boy went
into the wood and never came back. I thought that she had read it. I thought that she did not want to come."

The sea was dark, and the wind was cold, and the fox put her head on the old man's knee.

"What was her name?" asked Wren.

The old man told her. It was the name of a woman who lived in the last house on the hill, who came down to the market
every morning, and who had never married, because nobody had asked.

"It's not late," said the fox. "The clock is slow."

So the letter went up the hill that evening, in the mouth of a fox, and before the bell had rung nine there were two
people at the end of the quay who looked at the light and said nothing at all.

***

In the summer a stranger came to Saltmere and asked for the well. It was the old well behind the church, and nobody had
taken water from it for a hundred years, because the water was said to remember.

"What does it remember?" asked the stranger.

"Everything that was ever said beside it," said the miller. "My father told me, and his father told him."

The stranger went up the hill in the heat of the day. He was a young man, and his shoes were full of holes. The boy who
rang the bell saw him sit down at the edge of the well and look into the dark.

"What do you want to hear?" asked the boy.

"My mother came from here," said the stranger. "She sang when she carried the water. I was very small, and I have
forgotten the song."

So the boy let down the rope, slowly, and for a long time they heard nothing but the wind in the grass. Then there was a
sound from the water, and it was the sound of many voices. There were people who laughed and people who wept. There was
a man who counted his sheep, and there was a child who asked why the sky was so high. And under all of the voices, very
small and a long way down, there was a woman who sang.

The stranger did not move until the song was over. When he stood up, his face was wet, and the sun was already on the
sea.

"Will you stay in the town?" asked the boy.

"No," said the stranger, "but I will come back, and then I will sing it to you, and you will keep it for me if I forget
it again."

And the well behind the church heard what he said, and it has never forgotten it.

***

When Wren was old, she lit the lamp at the end of the quay herself. Her hair was white, and her hands were slow, and
every evening the children of the town came down to the harbour to watch her.

"Why do you light it?" asked the children. "There are no ships."

"There are always ships," said Wren.

She told them of the fox and the ferryman, and of the boy who would not ring the bell. She told them of the town under
the water, where a baker looked up every morning at a small yellow light. The children listened until the stars came
out. Then they went home along the quay, one after the other, and the smallest of them walked slowly and looked back at
the lamp.

In the night the wind turned, and the rain came in from the sea. The old woman held her coat around the light. She was
not afraid, but she was tired, and the glass was cold, and it was a long time until the morning.

"Help me," said Wren to the wind, and somebody took hold of the coat on the other side. It was the smallest of the
children, in her father's shoes, with the rain in her hair.

"I thought of the lamp," said the child. "I thought of it in my bed under the roof."

"I know," said the old woman. "So did I."

They stood there together, and neither of them said a word. The sea was loud, and the stones of the quay shook, and
the light was very small. And when the morning came there was a ship in the harbour, with grey sails and a white bird on
the mast, and nobody in the town could say where it had come from.

"Look! It was only a long way from the harbour!" said the child, and the old woman laughed and gave her the lamp.
"""

TALES: Final = re.sub(r"(?<!\n)\n(?!\n)", " ", _WRAPPED.strip())
"""The tales in plain text: a blank line between paragraphs, three asterisks between tales."""
