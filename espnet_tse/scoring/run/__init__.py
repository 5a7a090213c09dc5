"""From options to a record of each utterance: plan, pairing, job processes, caches."""
