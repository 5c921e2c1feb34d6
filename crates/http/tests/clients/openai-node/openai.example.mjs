import OpenAI from 'openai';

const client = new OpenAI({ baseURL: `${process.env.CAUSERIE_URL}/v1`, apiKey: process.env.CAUSERIE_KEY });
const stream = await client.chat.completions.create({
  model: 'openai/gpt-5-mini',
  messages: [{ role: 'user', content: 'Hello' }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
