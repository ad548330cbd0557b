"""The parser: what a scenario's text means, and what is said about a wrong one."""

import unittest
from pathlib import Path

from e2e.scenario import ScenarioError, load, parse, parse_duration, substitute

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"

EXAMPLE = """\
# A job runs to its end.
# It takes a moment.
nodes zone-a=2x8

apply
  kind: A
  spec:
    args: ["{i} {unknown}"]

repeat 2
  apply
    name: job-{i}
  expect trainingjob/job-{i} phase=Completed within 10s
"""


class ScenarioText(unittest.TestCase):
    def test_the_first_comment_is_the_promise(self) -> None:
        self.assertEqual(parse("x", EXAMPLE).promise, "A job runs to its end. It takes a moment.")

    def test_a_body_is_what_is_indented(self) -> None:
        apply, repeat = parse("x", EXAMPLE).statements
        self.assertEqual(apply.text, 'kind: A\nspec:\n  args: ["{i} {unknown}"]\n')
        self.assertEqual([s.verb for s in repeat.children], ["apply", "expect"])
        self.assertEqual(repeat.children[0].text, "name: job-{i}\n")

    def test_on_takes_one_statement_in_its_line_or_several_below_it(self) -> None:
        line, block = parse(
            "x", "nodes a=1x1\non cluster wait 1s\non cluster\n  wait 1s\n  wait 2s\n"
        ).statements
        self.assertEqual(line.words, ("cluster", "wait", "1s"))
        self.assertEqual([s.words for s in block.children], [("1s",), ("2s",)])

    def test_only_known_names_are_replaced(self) -> None:
        apply = substitute(parse("x", EXAMPLE).statements[0], {"i": "3"})
        self.assertIn('"3 {unknown}"', apply.text)

    def test_an_unknown_verb_is_named_with_its_line(self) -> None:
        with self.assertRaisesRegex(ScenarioError, "x:2: unknown verb 'aply'"):
            parse("x", "nodes a=1x1\naply\n  kind: A\n")

    def test_a_missing_body_is_said(self) -> None:
        with self.assertRaisesRegex(ScenarioError, "x:2: 'apply' needs an indented block"):
            parse("x", "nodes a=1x1\napply\n")

    def test_nodes_are_needed(self) -> None:
        with self.assertRaisesRegex(ScenarioError, "nodes ZONE=NODESxGPUS"):
            parse("x", "wait 1s\n")

    def test_durations(self) -> None:
        self.assertEqual([parse_duration(t) for t in ("500ms", "3s", "2m")], [0.5, 3.0, 120.0])
        with self.assertRaises(ScenarioError):
            parse_duration("3")


class Scenarios(unittest.TestCase):
    def test_every_scenario_parses_and_promises_something(self) -> None:
        paths = sorted(SCENARIOS.glob("*.scenario"))
        self.assertGreater(len(paths), 5)
        for path in paths:
            with self.subTest(path.name):
                self.assertTrue(load(path).promise)


if __name__ == "__main__":
    unittest.main()
