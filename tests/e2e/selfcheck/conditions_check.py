"""Conditions: how a path finds its value, and what the operators mean."""

import unittest

from e2e.conditions import lookup, parse_condition
from e2e.scenario import ScenarioError

JOB = {
    "metadata": {"labels": {"fermi-cluster.com/queue": "default"}},
    "spec": {"suspend": True, "zones": [{"zone": "a"}, {"zone": "b"}]},
    "status": {
        "phase": "Pending",
        "queuePosition": 2,
        "conditions": [
            {
                "type": "Accepted",
                "status": "False",
                "reason": "UnknownQueue",
                "message": "no queue 'x'",
            }
        ],
    },
}


class Conditions(unittest.TestCase):
    def holds(self, text: str) -> bool:
        return parse_condition(text).holds(JOB)

    def test_a_word_is_a_field_of_the_status(self) -> None:
        self.assertTrue(self.holds("phase=Pending"))
        self.assertTrue(self.holds("phase!=Running"))
        self.assertTrue(self.holds("queuePosition>=2"))
        self.assertFalse(self.holds("queuePosition>=3"))

    def test_a_condition_is_found_by_its_type(self) -> None:
        self.assertTrue(self.holds("condition.Accepted=False"))
        self.assertTrue(self.holds("condition.Accepted.reason=UnknownQueue"))
        self.assertTrue(self.holds("condition.Accepted.message~NO QUEUE 'x'"))
        self.assertFalse(self.holds("condition.Ready=True"))

    def test_a_path_from_the_root(self) -> None:
        self.assertTrue(self.holds(".spec.suspend=true"))
        self.assertEqual(lookup(JOB, ".spec.zones[1].zone"), "b")
        self.assertEqual(lookup(JOB, ".metadata.labels[fermi-cluster.com/queue]"), "default")

    def test_what_is_not_there_is_empty(self) -> None:
        self.assertTrue(self.holds("reason="))
        self.assertTrue(self.holds(".spec.zones[7].zone="))
        self.assertFalse(self.holds("reason>=1"))

    def test_nonsense_is_refused(self) -> None:
        with self.assertRaises(ScenarioError):
            parse_condition("phase")


if __name__ == "__main__":
    unittest.main()
