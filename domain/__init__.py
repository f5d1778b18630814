"""Pure rules: no await, clock, random, I/O, Ray, SQL, HTTP or logging. Time is an argument."""
