import createClient from 'openapi-fetch';
import type { paths } from '../generated/openapi-typescript.js';

const headers = { authorization: `Bearer ${process.env.CAUSERIE_KEY}`, accept: 'application/json' };
const client = createClient<paths>({ baseUrl: process.env.CAUSERIE_URL!, headers });
const { data: session } = await client.POST('/sessions', { body: { tool: 'general-assistant' } });
const params = { path: { id: session!.id } };
const { data: answer, error } = await client.POST('/sessions/{id}/messages', { params, body: { content: 'Hello' } });
if (error) throw new Error(`${error.code}: ${error.detail}`);
if (answer && 'message' in answer) console.log(answer.message.content, answer.usage?.cost);
