"""People: how a message reaches a person. No database, no clock, and no use-case: who gets what and when is the service's to say."""
