// Upstream with prepared answers, usage and prices, for screenshots that look like work.

import { createServer } from 'node:http';

/** Models of the catalogue: id, name, context length, prices of input, output and cached input per million tokens. */
const MODELS = [
  ['anthropic/claude-sonnet-4.5', 'Anthropic: Claude Sonnet 4.5', 1_000_000, 3, 15, 0.3],
  ['anthropic/claude-haiku-4.5', 'Anthropic: Claude Haiku 4.5', 200_000, 1, 5, 0.1],
  ['google/gemini-2.5-flash', 'Google: Gemini 2.5 Flash', 1_048_576, 0.3, 2.5, 0.03],
  ['mistralai/mistral-medium-3.1', 'Mistral: Mistral Medium 3.1', 131_072, 0.4, 2, null],
  ['openai/gpt-5-mini', 'OpenAI: GPT-5 Mini', 400_000, 0.25, 2, 0.025],
  ['openai/gpt-5.1', 'OpenAI: GPT-5.1', 400_000, 1.25, 10, 0.125],
  ['qwen/qwen3-32b', 'Qwen: Qwen3 32B', 40_960, 0.08, 0.24, null],
];

/** Pause between the words of an answer that is held. */
const HELD_MS = 40;

const perToken = (price) => (price / 1e6).toFixed(12);

const catalogue = () => ({
  data: MODELS.map(([id, name, context, prompt, completion, cached]) => ({
    id, name, created: 1_755_000_000, context_length: context,
    architecture: { modality: 'text->text', input_modalities: ['text', 'image'], output_modalities: ['text'] },
    pricing: { prompt: perToken(prompt), completion: perToken(completion), ...(cached === null ? {} : { input_cache_read: perToken(cached) }) },
    top_provider: { context_length: context, max_completion_tokens: 32_000, is_moderated: false },
    supported_parameters: ['temperature', 'top_p', 'max_tokens', 'reasoning'],
  })),
});

/**
 * Starts the upstream. `answers` maps parts of a message to `{text, reasoning?, delay?, held?}`, with the pause between words
 * in milliseconds, or to `{refused: true}`; an answer goes on after its text for as long as it is `held`; other messages get a short answer.
 */
export async function startUpstream(answers) {
  let count = 0;
  const answerTo = (message) => answers.find(([part]) => message.includes(part))?.[1] ?? { text: 'Gladly. Here is a first draft; tell me what should change.' };

  async function complete(body, outgoing) {
    count += 1;
    const last = body.messages.findLast((message) => message.role === 'user').content;
    const answer = answerTo(typeof last === 'string' ? last : last.map((part) => part.text ?? '').join(''));
    const { text, reasoning, delay, refused } = answer;
    if (refused) {
      outgoing.writeHead(400, { 'content-type': 'application/json' });
      outgoing.end(JSON.stringify({ error: { code: 400, message: 'The provider does not accept this request.' } }));
      return;
    }
    const [id, , , prompt, completion, cachedPrice] = MODELS.find(([each]) => each === body.model) ?? MODELS[0];
    const input = 1800 + (count * 811) % 5200;
    const cached = cachedPrice === null || count % 3 === 0 ? 0 : Math.floor(input * 0.6);
    const output = Math.ceil((text.length + (reasoning?.length ?? 0)) / 4) + (count * 97) % 700;
    const cost = Number((((input - cached) * prompt + cached * (cachedPrice ?? 0) + output * completion) / 1e6).toFixed(8));
    const generation = `gen-1795369708-${String(count).padStart(12, '0')}`;
    const chunk = (delta, more = {}) => outgoing.write(`data: ${JSON.stringify({ id: generation, object: 'chat.completion.chunk', created: 1_795_369_708, model: id, provider: 'Example', choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`);
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of (reasoning ?? '').match(/\S+\s*/g) ?? []) chunk({ content: '', reasoning: piece });
    for (const piece of text.match(/\S+\s*/g)) {
      if (delay) await new Promise((resolve) => setTimeout(resolve, delay));
      if (outgoing.destroyed) return;
      chunk({ content: piece });
    }
    while (answer.held && !outgoing.destroyed) {
      chunk({ content: 'and so on, ' });
      await new Promise((resolve) => setTimeout(resolve, HELD_MS));
    }
    chunk({ content: '' }, { finish_reason: 'stop' });
    outgoing.write(`data: ${JSON.stringify({ id: generation, object: 'chat.completion.chunk', created: 1_795_369_708, model: id, provider: 'Example', choices: [], usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output, cost, prompt_tokens_details: { cached_tokens: cached }, completion_tokens_details: { reasoning_tokens: Math.ceil((reasoning?.length ?? 0) / 4) } } })}\n\n`);
    outgoing.end('data: [DONE]\n\n');
  }

  const server = createServer(async (incoming, outgoing) => {
    if (incoming.url.endsWith('/models')) {
      outgoing.writeHead(200, { 'content-type': 'application/json' });
      outgoing.end(JSON.stringify(catalogue()));
      return;
    }
    let text = '';
    for await (const part of incoming) text += part;
    if (incoming.url.endsWith('/chat/completions')) await complete(JSON.parse(text), outgoing);
    else outgoing.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}/api/v1`, close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) };
}
