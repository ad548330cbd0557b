"""Tables of bad objects: how rows are read and changes are merged."""

import unittest

from e2e.scenario import ScenarioError, Statement
from e2e.table import expand, merge, parse_table


class Tables(unittest.TestCase):
    def test_a_row_changes_the_good_spec(self) -> None:
        text = 'good {"a": 1, "b": {"c": 2}}\nrefused "x y" z {"a": null, "b": {"d": 3}}\n'
        (row,) = parse_table(Statement(1, "table", ("trainingjob", "bad"), text))
        self.assertEqual(
            (row.verdict, row.texts, row.spec), ("refused", ("x y", "z"), {"b": {"c": 2, "d": 3}})
        )

    def test_merge_is_rfc_7386(self) -> None:
        self.assertEqual(merge({"a": [1, 2]}, {"a": [3]}), {"a": [3]})
        self.assertEqual(merge({"a": {"b": 1}}, {"a": {"b": None, "c": 2}}), {"a": {"c": 2}})

    def test_big_texts_are_spelled_by_their_size(self) -> None:
        self.assertEqual(expand("<5 bytes>"), "xxxxx")

    def test_an_unknown_verdict_is_named(self) -> None:
        with self.assertRaisesRegex(ScenarioError, "'maybe' is no verdict"):
            parse_table(Statement(1, "table", (), "good {}\nmaybe {}\n"))


if __name__ == "__main__":
    unittest.main()
