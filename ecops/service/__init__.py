"""The use-cases: one function, one transaction each. Time and actor are arguments."""
