"""Starting, stopping and surviving: the supervisor, its parts, the settings, the command line."""
