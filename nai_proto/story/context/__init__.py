"""The context: what a model sees of a story, chosen and put together as the website does it.

=========================  =================================================================================================
§8.1 size                  `building`: what a prompt may have, and what stands in front of it
§8.2 who takes part        `preparing` texts, `ephemeral` entries, `ears` for keys, `activation`; `entrants`: all in a row
§8.3 budgets               `config`
§8.4 sub-contexts          `building`: each is put together as the whole is
§8.5 order, reservation    `assembling`
§8.6 trimming, insertion   `trimming`, `insertion`, and what they share: `measuring`
§8.7 the preamble          `building`
§8.8 what became of each   `telling`, in the words of `report`
§8.9 chats                 `chat`
§12 what is not known      `rules`
=========================  =================================================================================================

`parts` is what goes in, `report` what comes out.

See docs/protocol/content.md#8-building-the-context.
"""
