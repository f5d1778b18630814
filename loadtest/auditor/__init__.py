"""The auditor: folds the journal by rules of its own and holds rows and clients' records against it.

It shares no code with what it checks, but for the types that decode a stored fact. Every check is fed from
plain iterators; only `database` knows SQL.
"""
