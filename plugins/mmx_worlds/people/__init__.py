"""`worlds/identities` and `worlds/talkers`: invented people whose face and voice share known causes."""
