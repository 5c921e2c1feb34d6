"""The program `llm`, unmodified, against the built program."""

import json
import os
import pathlib
import tempfile
import unittest

from server import Server

FOLDER = pathlib.Path(__file__).parent


class LlmTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.user = tempfile.TemporaryDirectory(prefix="causerie-llm-")
        models = (FOLDER / "extra-openai-models.yaml").read_text(encoding="utf-8")
        models = models.replace("https://causerie.example.org", cls.server.address)
        assistant = models.replace("causerie\n", "assistant\n", 1).replace("openai/gpt-5-mini", "sim/assistant")
        path = pathlib.Path(cls.user.name) / "extra-openai-models.yaml"
        path.write_text(models + assistant, encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.user.cleanup()

    def run_program(self, *arguments):
        return self.server.run(*arguments, LLM_USER_PATH=self.user.name)

    def test_the_program_of_the_documentation_runs(self):
        self.assertIn("You said: Hello", self.run_program("sh", str(FOLDER / "example.sh")))

    def test_answers_are_streamed_and_whole(self):
        key = ["--key", self.server.key]
        for options in [[], ["--no-stream"]]:
            answer = self.run_program("llm", "--model", "causerie", *key, *options, "Hello")
            self.assertIn("You said: Hello", answer)
        self.assertGreaterEqual(self.server.requests(), 2)

    def test_a_schema_is_followed(self):
        prompt = "This is Grace, 36 years old."
        key = ["--key", self.server.key]
        answer = self.run_program("llm", "--model", "assistant", *key, "--schema", "name str, age int", prompt)
        self.assertEqual(json.loads(answer), {"name": "Grace", "age": 36})

    def test_a_tool_is_called(self):
        functions = 'def weather(city: str) -> str:\n    "The weather"\n    return "rain in " + city\n'
        arguments = ["--key", self.server.key, "--functions", functions, "How is the weather in Paris?"]
        self.assertIn("rain in Paris", self.run_program("llm", "--model", "assistant", *arguments))


if __name__ == "__main__":
    unittest.main()
