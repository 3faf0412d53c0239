"""Owns `python -m tokenprism_baseline`.
Must not know what is started.
"""

from .main import main

if __name__ == "__main__":
    main()
