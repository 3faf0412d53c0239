"""Owns the process that computes: one model, one batch after another.
Must not know clients, nor the queue.
"""
