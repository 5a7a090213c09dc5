"""How things are read and written: audio, lists, YAML, command lines, shards; knows nothing of speech.

Also the tables and slots by which a YAML names its parts, without any class of a model.
"""
