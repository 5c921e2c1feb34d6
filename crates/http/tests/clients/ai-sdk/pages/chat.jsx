// A page with `useChat`, as an application has it. Address, key, session and transport are in the query of the page.

import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { createCauserieTransport, messages as storedMessages } from '../../../../js/index.js';

function Part({ part }) {
  if (part.type === 'text') return <span className="text">{part.text}</span>;
  if (part.type === 'reasoning') return <i className="reasoning">{part.text}</i>;
  if (part.type === 'file') return <img alt={part.filename ?? 'image'} src={part.url} width="20" />;
  return null;
}

/** Shows the page with a major of the AI SDK. */
export async function show({ useChat, DefaultChatTransport }) {
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const { url, token, session, tool, file } = query;
  const transport = query.transport === 'default'
    ? new DefaultChatTransport({ api: `${url}/api/chat`, headers: { authorization: `Bearer ${token}` }, body: { tool } })
    : createCauserieTransport({ url, token, tool });
  const initial = await storedMessages(session, { url: query.direct ?? url, token }).catch(() => []);

  function Chat() {
    const chat = useChat({ id: session, transport, messages: initial, resume: initial.length > 0 });
    const [text, setText] = useState('');
    const send = (event) => {
      event.preventDefault();
      chat.sendMessage({ text, ...(file ? { files: [{ type: 'file', mediaType: 'image/png', url: file, filename: 'cat.png' }] } : {}) });
      setText('');
    };
    return (
      <form onSubmit={send}>
        <output data-status={chat.status}>{chat.error?.message}</output>
        <ol>
          {chat.messages.map((message) => (
            <li key={message.id} data-id={message.id} className={message.role} data-cost={message.metadata?.usage?.cost} data-end={message.metadata?.status}>
              {message.parts.map((part, index) => <Part key={index} part={part} />)}
            </li>
          ))}
        </ol>
        <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} />
        <button>Send</button>
        <button type="button" onClick={() => chat.stop()}>Stop</button>
        <button type="button" onClick={() => chat.regenerate()}>Regenerate</button>
        <button type="button" onClick={() => chat.resumeStream()}>Resume</button>
      </form>
    );
  }
  createRoot(document.querySelector('main')).render(<StrictMode><Chat /></StrictMode>);
}
