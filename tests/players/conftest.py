from hypothesis import settings

# Other work on the same two cores must not make a property fail.
settings.register_profile("players", deadline=None)
settings.load_profile("players")
