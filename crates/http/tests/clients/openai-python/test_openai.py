"""The official Python package of OpenAI, unmodified, against the built program."""

import unittest

import openai
from openai import OpenAI

from server import CuttingProxy, Server

HELLO = [{"role": "user", "content": "Hello"}]
# Connections are cut at this many places of a response, in its head and in its body.
PLACES = 100


class OpenAiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.client = cls.client_of(cls.server.port)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    @classmethod
    def client_of(cls, port, **options):
        return OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=cls.server.key, **options)

    def test_an_answer_is_whole_and_has_its_cost(self):
        answer = self.client.chat.completions.create(model="sim/echo", messages=HELLO, temperature=0.5)
        self.assertIn("Hello", answer.choices[0].message.content)
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.object, "chat.completion")
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
        self.assertGreater(answer.usage.cost, 0)

    def test_a_stream_has_usage_only_if_it_is_asked_for(self):
        for options, expected in [({}, 0), ({"stream_options": {"include_usage": True}}, 1)]:
            stream = self.client.chat.completions.create(
                model="sim/text?words=5", messages=HELLO, stream=True, **options
            )
            chunks = list(stream)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            self.assertEqual(len(text.split()), 5)
            self.assertEqual(sum(chunk.usage is not None for chunk in chunks), expected)

    def test_function_calls_are_whole(self):
        tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
        answer = self.client.chat.completions.create(model="sim/tool-call", messages=HELLO, tools=tools)
        call = answer.choices[0].message.tool_calls[0]
        self.assertEqual((call.type, call.function.name), ("function", "weather"))
        with self.client.chat.completions.stream(model="sim/tool-call", messages=HELLO, tools=tools) as stream:
            final = stream.get_final_completion()
        self.assertEqual(final.choices[0].message.tool_calls[0].function.arguments, call.function.arguments)

    def test_models_are_listed_and_found(self):
        models = self.client.models.list().data
        model = next(model.id for model in models if "/" in model.id)
        tool = next(model.id for model in models if model.id.startswith("tool:"))
        self.assertEqual(self.client.models.retrieve(model).id, model)
        self.assertEqual(self.client.models.retrieve(tool).id, tool)
        answer = self.client.chat.completions.create(model=tool, messages=HELLO)
        self.assertTrue(answer.choices[0].message.content)

    def test_errors_have_their_classes(self):
        client = self.client_of(self.server.port, max_retries=0)

        def create(model="sim/echo", client=client, **options):
            client.chat.completions.create(**{"model": model, "messages": HELLO, **options})

        with self.assertRaises(openai.AuthenticationError):
            create(client=client.with_options(api_key="csr_none"))
        with self.assertRaises(openai.BadRequestError) as invalid:
            create(messages=[{"role": "wizard", "content": "Hello"}])
        self.assertEqual(invalid.exception.param, "messages[0].role")
        with self.assertRaises(openai.NotFoundError):
            create("gpt-nobody-has")
        with self.assertRaises(openai.BadRequestError):
            create("sim/context-length")
        with self.assertRaises(openai.RateLimitError):
            create("sim/rate-limited?retry_after=60")
        with self.assertRaises(openai.InternalServerError):
            create("sim/unauthorized")
        with self.assertRaises(openai.NotFoundError):
            client.embeddings.create(model="sim/echo", input="Hello")

    def test_a_broken_stream_raises(self):
        for model in ["sim/error-mid-stream", "sim/cut-mid-stream"]:
            stream = self.client.chat.completions.create(model=model, messages=HELLO, stream=True)
            with self.assertRaises(openai.APIError):
                list(stream)

    def places(self, **options):
        """Returns the size of the head and of the whole response, and the places to cut at."""
        model = "sim/text?words=8&key=measure"
        raw = self.client.chat.completions.with_raw_response.create(model=model, messages=HELLO, **options)
        head = 20 + sum(len(name) + len(value) + 4 for name, value in raw.http_response.headers.items())
        body = len(raw.http_response.read())
        step = max(1, (head + body) // PLACES)
        return head, [1, 9, 13, *range(20, head + body - 10, step)]

    def answer_through_proxy(self, place, number, kind, **options):
        proxy = CuttingProxy(self.server.port, place)
        try:
            client = self.client_of(proxy.port, max_retries=2)
            model = f"sim/text?words=8&key={kind}{number}"
            key = options.pop("key", None)
            headers = {"Idempotency-Key": key} if key else {}
            answer = None
            for _ in range(2):
                try:
                    answer = client.chat.completions.create(
                        model=model, messages=HELLO, extra_headers=headers, **options
                    )
                    if options.get("stream"):
                        chunks = list(answer)
                        if chunks[-1].choices[0].finish_reason != "stop":
                            raise openai.APIError("the stream was cut", None, body=None)
                        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
                    return answer.choices[0].message.content
                except Exception:
                    # After the head, the application repeats the request with its key.
                    if not key:
                        raise
            return None
        finally:
            proxy.close()

    def test_the_retry_of_the_package_attaches_to_a_whole_answer(self):
        _, places = self.places()
        before = self.server.requests()
        for number, place in enumerate(places):
            text = self.answer_through_proxy(place, number, "w")
            self.assertEqual(len((text or "").split()), 8, place)
        self.assertEqual(self.server.requests() - before, len(places))

    def test_a_repetition_with_a_key_attaches_to_a_stream(self):
        _, places = self.places(stream=True)
        before = self.server.requests()
        for number, place in enumerate(places):
            text = self.answer_through_proxy(place, number, "s", stream=True, key=f"key-{number}")
            self.assertEqual(len((text or "").split()), 8, place)
        self.assertEqual(self.server.requests() - before, len(places))


if __name__ == "__main__":
    unittest.main()
