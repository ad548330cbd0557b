"""Metrics: how a page is read, and what a condition means."""

import unittest

from e2e.pages import parse_metric_condition, samples
from e2e.scenario import ScenarioError

PAGE = """\
# HELP x_total Things.
# TYPE x_total counter
x_total{kind="a b"} 2
x_total{kind="c"} 3
y 1.5
"""


class Metrics(unittest.TestCase):
    def test_a_name_stands_for_the_sum_over_its_labels(self) -> None:
        values = samples(PAGE)
        self.assertEqual(values["x_total"], 5.0)
        self.assertEqual(values['x_total{kind="a b"}'], 2.0)
        self.assertEqual(values["y"], 1.5)
        self.assertEqual(len(values), 4)

    def test_conditions_hold_or_do_not(self) -> None:
        for text, holds in (
            ("x_total>=5", True),
            ("x_total<=4", False),
            ('x_total{kind="c"}=3', True),
            ("z=0", False),
        ):
            condition = parse_metric_condition(text)
            self.assertEqual(condition.holds(samples(PAGE).get(condition.name)), holds, text)

    def test_what_is_no_condition_is_refused(self) -> None:
        for text in ("x_total", "x_total~3", "=3"):
            with self.assertRaises(ScenarioError):
                parse_metric_condition(text)
