"""How things are read and written: audio, lists, YAML, command lines, shards; knows nothing of speech or models."""
