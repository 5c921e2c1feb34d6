// The two majors of the AI SDK, each with the default transport and with the transport of the helper.

import * as ai6 from 'ai-6';
import * as ai7 from 'ai-7';
import { Chat as Chat6 } from '@ai-sdk/react-6';
import { Chat as Chat7 } from '@ai-sdk/react-7';
import { createCauserieTransport } from '../../../../js/index.js';

const MAJORS = [['6', ai6, Chat6], ['7', ai7, Chat7]];

/** Runs a definition of tests for each major. */
export function eachMajor(define) {
  for (const [major, { DefaultChatTransport }, Chat] of MAJORS) {
    const chat = (transport) => ({ id = crypto.randomUUID(), ...more } = {}) => {
      const errors = [];
      const created = new Chat({ id, transport, onError: (error) => errors.push(error), ...more });
      return Object.assign(created, { errors });
    };
    define(`ai ${major}`, {
      /** Returns a constructor of chats with the transport that the AI SDK has by default. */
      byDefault: ({ url, key, body }) => chat(new DefaultChatTransport({ api: `${url}/api/chat`, headers: { authorization: `Bearer ${key}` }, body })),
      /** Returns a constructor of chats with the transport of the helper. */
      withHelper: ({ url, key, tool }) => chat(createCauserieTransport({ url, token: async () => key, tool })),
    });
  }
}

/** Returns the text of a UI message. */
export const textOf = (message) => message.parts.filter((part) => part.type === 'text').map((part) => part.text).join('');
