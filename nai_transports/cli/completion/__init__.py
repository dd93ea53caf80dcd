"""Shell completion: ``nai completion SHELL`` prints a script that asks ``nai __complete SHELL …`` for candidates.

``scripts``
    The scripts. Each asks the program with the words up to the cursor.
``answer``
    What the program answers: a line for each candidate, or nothing.
``candidates``
    From words to candidates, by what a command takes. Pure.
``shapes``, ``shape_reader``, ``shape_cache``
    What a command takes: read from its click object, and kept in a file for the next time.
``values``, ``account_values``
    Where the values of arguments and options come from: the library's tables, and the account.
``bash_line``
    How bash splits and quotes words.
"""
