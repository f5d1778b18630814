"""`make bench`: Turnstile beside its peers, in one run, on one machine; ratios, not records.

    __main__    the command line            plan      which cases, in which order
    stack       starts Turnstile            targets   starts the peers; where each case is aimed
    wrk         closed-loop load            open_loop load at a fixed rate
    cpu         CPU time by process group   run       goes through the plan
    results     what was measured           goals     the ratios to reach, and whether they were
    report      the Markdown page           plots     the pictures

    live        what live streams cost, and how soon a change is with whom it concerns
    live_readers  their clients

`activation`, `memory` and `failover` are figures of their own that need no peers.
"""
