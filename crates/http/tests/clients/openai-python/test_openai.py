"""The official Python package of OpenAI, unmodified, against the built program."""

import asyncio
import json
import unittest
from concurrent.futures import ThreadPoolExecutor

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from server import CuttingProxy, Server

HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
# Connections are cut at this many places of a response, in its head and in its body.
PLACES = 110
# Requests that are cut at the same time; each of them waits for the retry of the package.
WORKERS = 16


class Person(BaseModel):
    name: str
    age: int


class OpenAiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print("openai", openai.__version__)
        cls.server = Server()
        cls.client = cls.client_of(cls.server.port)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    @classmethod
    def client_of(cls, port, **options):
        return OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=cls.server.key, **options)

    def test_the_programs_of_the_documentation_run(self):
        self.assertIn("You said: Hello", self.server.run("python", "example.py"))
        answer = json.loads(self.server.run("sh", "example.sh"))
        self.assertIn("You said: Hello", answer["choices"][0]["message"]["content"])

    def test_an_answer_is_whole_and_has_its_cost(self):
        answer = self.client.chat.completions.create(model="sim/echo", messages=HELLO, temperature=0.5)
        self.assertIn("Hello", answer.choices[0].message.content)
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.object, "chat.completion")
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
        self.assertGreater(answer.usage.cost, 0)

    def test_an_asynchronous_client_streams(self):
        async def read():
            async with AsyncOpenAI(base_url=f"{self.server.address}/v1", api_key=self.server.key) as client:
                stream = await client.chat.completions.create(model="sim/echo", messages=HELLO, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        self.assertIn("Hello", asyncio.run(read()))

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
        messages = [{"role": "user", "content": "How is the weather in Paris?"}]
        request = {"model": "sim/assistant", "messages": messages, "tools": [WEATHER]}
        answer = self.client.chat.completions.create(**request)
        call = answer.choices[0].message.tool_calls[0]
        self.assertEqual((call.type, call.function.name), ("function", "weather"))
        self.assertEqual(json.loads(call.function.arguments), {"city": "Paris"})
        with self.client.chat.completions.stream(**request) as stream:
            final = stream.get_final_completion()
        self.assertEqual(final.choices[0].message.tool_calls[0].function.arguments, call.function.arguments)
        messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
        answer = self.client.chat.completions.create(**request)
        self.assertIn("rain", answer.choices[0].message.content)

    def test_an_answer_has_the_schema_of_the_request(self):
        messages = [{"role": "user", "content": "This is Grace, 36 years old."}]
        answer = self.client.chat.completions.parse(model="sim/assistant", messages=messages, response_format=Person)
        self.assertEqual(answer.choices[0].message.parsed, Person(name="Grace", age=36))

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
        self.assertTrue(invalid.exception.request_id)
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
        """Returns the size of the head, and the places to cut at."""
        proxy = CuttingProxy(self.server.port)
        model = "sim/text?words=8&key=measured&times=1"
        answer = self.client_of(proxy.port).chat.completions.create(model=model, messages=HELLO, **options)
        if options.get("stream"):
            list(answer)
        proxy.close()
        head, size = proxy.received.index(b"\r\n\r\n") + 4, len(proxy.received)
        step = max(1, (size - 20) // PLACES)
        places = {1, 9, 13, head - 1, head, head + 1, *range(20, size - 6, step)}
        self.assertGreaterEqual(len(places), 100)
        return head, sorted(places)

    def text_through_proxy(self, kind, place, attempts, **options):
        """Returns the text of an answer whose first connection is cut, after a number of attempts of the application."""
        proxy = CuttingProxy(self.server.port, place)
        # The simulator answers the id once with these words, and another request with an echo.
        model = f"sim/text?words=8&times=1&key={kind}-{place}"
        try:
            client = self.client_of(proxy.port, max_retries=2)
            for attempt in range(attempts):
                try:
                    answer = client.chat.completions.create(model=model, messages=HELLO, **options)
                    if not options.get("stream"):
                        return answer.choices[0].message.content
                    chunks = list(answer)
                    self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")
                    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
                except Exception as error:
                    if attempt + 1 == attempts:
                        raise AssertionError(f"cut at {place}: {error!r}") from error
        finally:
            proxy.close()

    def cut_everywhere(self, places, text_at):
        before = self.server.requests()
        with ThreadPoolExecutor(WORKERS) as workers:
            for place, text in zip(places, workers.map(text_at, places)):
                self.assertEqual(len(text.split()), 8, f"cut at {place}: {text}")
        self.assertEqual(self.server.requests() - before, len(places))

    def test_the_package_repeats_a_whole_answer_by_itself_wherever_it_is_cut(self):
        _, places = self.places()
        self.cut_everywhere(places, lambda place: self.text_through_proxy("whole", place, 1))

    def test_the_package_repeats_a_stream_by_itself_in_its_head_and_the_application_after_it(self):
        head, places = self.places(stream=True)

        def text_at(place):
            if place < head:
                return self.text_through_proxy("stream", place, 1, stream=True)
            headers = {"Idempotency-Key": f"key-{place}"}
            return self.text_through_proxy("stream", place, 2, stream=True, extra_headers=headers)

        self.cut_everywhere(places, text_at)

    def test_the_application_sees_that_a_stream_is_cut_after_its_head(self):
        head, places = self.places(stream=True)
        place = next(place for place in places if place > head + 50)
        with self.assertRaises(AssertionError):
            self.text_through_proxy("seen", place, 1, stream=True)


if __name__ == "__main__":
    unittest.main()
