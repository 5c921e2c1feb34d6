import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useChat } from '@ai-sdk/react';
import { createCauserieTransport, messages as stored } from 'causerie-client';

const query = new URLSearchParams(location.search);
// The tool of the conversation, and an API key; a real application asks its own server for the key of its user.
const tool = query.get('tool') ?? 'general-assistant';
const token = sessionStorage.apiKey ??= prompt('API key') ?? '';
const session = sessionStorage.session ??= crypto.randomUUID();

const transport = createCauserieTransport({ token, tool });
const initial = await stored(session, { token }).catch(() => []);

function Part({ part }) {
  if (part.type === 'text') return <p>{part.text}</p>;
  if (part.type === 'reasoning') return <details><summary>Reasoning</summary>{part.text}</details>;
  if (part.type === 'file') return <img src={part.url} alt={part.filename ?? 'image'} />;
  return null;
}

function Chat() {
  const { messages, sendMessage, regenerate, stop, status, error } = useChat({
    id: session, transport, messages: initial, resume: initial.length > 0,
  });
  const [text, setText] = useState('');
  const isBusy = status === 'submitted' || status === 'streaming';
  const send = (event) => {
    event.preventDefault();
    sendMessage({ text });
    setText('');
  };
  return (
    <>
      {messages.map(({ id, role, parts, metadata }) => (
        <article key={id} className={role}>
          <h2>{role}</h2>
          {parts.map((part, index) => <Part key={index} part={part} />)}
          {metadata?.usage && <small>{metadata.usage.total_tokens} tokens, ${metadata.usage.cost}</small>}
        </article>
      ))}
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={send}>
        <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} />
        {isBusy ? <button type="button" onClick={() => stop()}>Stop</button> : <button disabled={!text}>Send</button>}
        {!isBusy && messages.length > 0 && <button type="button" onClick={() => regenerate()}>Regenerate</button>}
      </form>
    </>
  );
}

createRoot(document.querySelector('main')).render(<StrictMode><Chat /></StrictMode>);
