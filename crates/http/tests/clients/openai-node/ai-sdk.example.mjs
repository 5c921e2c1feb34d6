import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { streamText } from 'ai';

const baseURL = `${process.env.CAUSERIE_URL}/v1`;
const causerie = createOpenAICompatible({ name: 'causerie', baseURL, apiKey: process.env.CAUSERIE_KEY, includeUsage: true });
const result = streamText({ model: causerie('openai/gpt-5-mini'), prompt: 'Hello' });
for await (const text of result.textStream) process.stdout.write(text);
console.log((await result.usage).totalTokens);
