"""Rules and replies against a model that is too simple to be wrong, on inputs that Hypothesis makes up."""
