"""Owns the end that cannot be helped: why the server cannot start or go on, as a sentence that says what to do.
Must not know who raises it.
"""

import sys
from importlib import metadata

_PACKAGES = ("torch", "transformers")
_OLDEST_TRANSFORMERS = 5
# Longest quotation of another library's words.
_QUOTED = 300


class Fatal(Exception):
    """Ends the process; its message is the last line on standard error."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message that says something, without its full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:_QUOTED].rstrip(".")


def package_versions() -> dict[str, str]:
    """Versions of the packages that the model needs, without importing them; raises Fatal where one is lacking."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            raise _lacking(f"has no {name}") from None
    transformers = versions["transformers"]
    if int(transformers.partition(".")[0]) < _OLDEST_TRANSFORMERS:
        raise _lacking(f"has transformers {transformers}, but {_OLDEST_TRANSFORMERS} or newer is needed")
    return versions


def _lacking(what: str) -> Fatal:
    return Fatal(
        f"the environment of {sys.executable} {what}; bring it with: {sys.executable} -m pip install torch "
        f"'transformers>={_OLDEST_TRANSFORMERS}'"
    )
