"""Owns the proof that an environment's lack is named with the command that mends it."""

import unittest
from importlib import metadata
from unittest import mock

from tokenprism_baseline.fatal import Fatal, first_line, package_versions


class Packages(unittest.TestCase):
    def check(self, installed: dict[str, str], says: str) -> None:
        def version(name: str) -> str:
            if name not in installed:
                raise metadata.PackageNotFoundError(name)
            return installed[name]

        with mock.patch.object(metadata, "version", version):
            if says:
                with self.assertRaisesRegex(Fatal, f"{says}.*-m pip install torch 'transformers>=5'"):
                    package_versions()
            else:
                self.assertEqual(package_versions(), installed)

    def test_what_is_lacking_is_named(self) -> None:
        self.check({"torch": "2.11.0", "transformers": "5.17.0"}, "")
        self.check({"transformers": "5.17.0"}, "has no torch")
        self.check({"torch": "2.11.0"}, "has no transformers")
        self.check({"torch": "2.11.0", "transformers": "4.57.1"}, "has transformers 4.57.1, but 5 or newer is needed")

    def test_a_quotation_is_one_line(self) -> None:
        self.assertEqual(first_line(ValueError("\n  one thing.\nanother")), "one thing")
        self.assertEqual(first_line(ValueError()), "ValueError")
        self.assertLessEqual(len(first_line(ValueError("x" * 999))), 300)


if __name__ == "__main__":
    unittest.main()
