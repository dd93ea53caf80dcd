"""The context of a story: what a model sees of it, selected and put together as the website does it.

`nai_proto.story.build_context` runs these modules in order, from what can be in a context (`parts`, `ephemeral`) to what
came of it (`report`):

=================  =====================================================================================================
`candidates`       lists all parts in their natural order, with texts ready to be searched and sent
`activation`       decides which of them take part: docs/protocol/content.md#82-which-entries-take-part
`allocation`       gives each its tokens: docs/protocol/content.md#85-order-and-reservation
`trimming`         cuts a text to its tokens: docs/protocol/content.md#86-trimming-and-insertion
`token_counters`   counts tokens, with a tokenizer or with what the service has counted
`insertion`        finds the place of each part: docs/protocol/content.md#86-trimming-and-insertion
`build`            the whole: docs/protocol/content.md#81-size and docs/protocol/content.md#84-sub-contexts, the preamble
                   (docs/protocol/content.md#87-preamble), and messages (docs/protocol/content.md#89-chat-format-models)
=================  =====================================================================================================

Budgets and reservations of a single part are in `nai_proto.story.config`: docs/protocol/content.md#83-budgets. Keys are
matched in `nai_proto.story.lore`, and biases are selected there: docs/protocol/content.md#88-biases. Where the sources
disagree, `parts.ContextRules` has a switch: docs/protocol/content.md#12-open-questions.
"""
