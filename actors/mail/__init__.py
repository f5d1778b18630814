"""Mail: from rows to letters (`letters`), and out (`sender`, `post`). The rows are `actors.news`'."""
