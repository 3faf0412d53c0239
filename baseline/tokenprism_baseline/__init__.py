"""Owns the naive baseline: `model.generate` of Transformers behind OpenAI's completions route.
Must not know the agent, its plans or its runs.
"""

VERSION = "0.1.0"
