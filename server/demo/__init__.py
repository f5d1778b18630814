"""`turnstile demo`: a believable world, made through the HTTP API of a running server.

`world` and the files beside it say what there is, from a seed alone; `builder` makes it. Nothing here knows
owners, stores or rules.
"""
