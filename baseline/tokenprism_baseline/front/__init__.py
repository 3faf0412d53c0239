"""Owns the process that clients talk to: it answers, queues and batches, and never waits for the model.
Must not know torch.
"""
