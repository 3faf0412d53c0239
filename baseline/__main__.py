"""Owns starting from this folder: `python baseline --model …` in any environment that has the packages.
Must not know what is started.
"""

from tokenprism_baseline.main import main

if __name__ == "__main__":
    main()
