"""Redis: bells between processes and limits that they share. It may vanish (I7, decision 0013).

Importing its modules costs about 100 ms: whoever has no Redis does not.
"""
