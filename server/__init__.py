"""HTTP front ends, settings, command line, and the supervisor that runs every part."""
