"""Mail: from facts to rows (`follower`), from rows to letters (`letters`), and out (`sender`, `post`)."""
