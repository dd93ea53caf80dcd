"""How fast it is, one module to a question: ``python -m benchmarks [NAME …] [--json FILE] [--chart FILE.svg]``.

A machine's absolute figures say little about another's, so every figure stands beside a reference of the same run: a
limit (the least that the job can cost with the same decoder), a floor, or a peer. Subjects take turns in rounds, and the
least of their rounds counts. Inputs come from a seed, and nothing leaves the loopback interface.
"""
