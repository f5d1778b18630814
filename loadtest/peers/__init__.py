"""The usual ways of selling a ticket, as good as they can be made, to measure Turnstile beside.

Every peer answers the same two requests with the same bodies (`wire`), served the same way (`serving`);
they differ in one file each, which says how that peer never oversells and why its replies are durable.
What they leave out (expiry, idempotency, a journal, limits per customer) is to their advantage.
"""
