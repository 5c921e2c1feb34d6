// Conversation: its head, its messages, and the message box.

import { html, useEffect, useLayoutEffect, useRef, useState } from '../../html.js';
import { api, segment } from '../../api.js';
import { can } from '../../abilities.js';
import { Conversation } from '../../conversation.js';
import { drafts } from '../../drafts.js';
import { navigate } from '../../router.js';
import { t } from '../../texts/index.js';
import { FormDialog } from '../../components/dialog.js';
import { Field } from '../../components/field.js';
import { Icon } from '../../components/icon.js';
import { Problem } from '../../components/problem.js';
import { useModel } from '../shell.js';
import { Composer } from './composer.js';
import { ChatHeader } from './header.js';
import { Message } from './message.js';
import { pendingSends } from './pending.js';

const AT_END_PX = 80;

/** Keeps the end of the transcript in view while the reader is there, and the position while older messages arrive. */
function useScroll(conversation, transcript, older) {
  const atEnd = useRef(true);
  const height = useRef(0);
  const first = useRef(null);
  const [away, setAway] = useState(false);
  const toEnd = () => {
    transcript.current.scrollTop = transcript.current.scrollHeight;
    atEnd.current = true;
    setAway(false);
  };
  useLayoutEffect(() => {
    const element = transcript.current;
    if (!element) return;
    const top = conversation.messages[0]?.id ?? null;
    if (atEnd.current) element.scrollTop = element.scrollHeight;
    else if (first.current !== null && top !== first.current) element.scrollTop += element.scrollHeight - height.current;
    height.current = element.scrollHeight;
    first.current = top;
  });
  const onScroll = ({ currentTarget: element }) => {
    // The event of the last scrolling may arrive when the view is gone.
    if (!element?.isConnected) return;
    const now = element.scrollHeight - element.scrollTop - element.clientHeight < AT_END_PX;
    atEnd.current = now;
    if (now === away) setAway(!now);
  };
  useEffect(() => {
    if (!older.current) return undefined;
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && conversation.loadOlder(), { root: transcript.current, rootMargin: '600px 0px 0px' });
    observer.observe(older.current);
    return () => observer.disconnect();
  }, [conversation.hasOlder, conversation.messages[0]?.id]);
  return { away, toEnd, onScroll };
}

function ForkDialog({ conversation, message, sessions, onClose }) {
  return html`<${FormDialog} title=${t.fork.title} action=${t.actions.fork} onClose=${onClose} onSubmit=${async (form) => {
    const title = form.get('title').trim();
    const fork = await api.post(`/sessions/${segment(conversation.id)}/forks`, title ? { from_seq: message.seq, title } : { from_seq: message.seq });
    sessions.take(fork);
    onClose();
    navigate(`/sessions/${fork.id}`);
  }}><p>${t.fork.text}</p><${Field} label=${t.sessions.name} name="title" maxlength="200" /><//>`;
}

/** Codes of refusals that a shorter message or another tool avoids, but not a later attempt. */
const UNFIT = new Set(['payload_too_large', 'message_too_long', 'context_length_exceeded']);

/** Takes a first message that the session cannot take back to the start of a session, without the session. Returns false if it stays. */
async function takeBack(id, { content, attachments }, refusal, sessions) {
  if (!UNFIT.has(refusal.code)) return false;
  try {
    await api.delete(`/sessions/${segment(id)}`);
  } catch {
    return false;
  }
  sessions.remove(id);
  drafts.keep('new', content);
  pendingSends.set('new', { content, attachments, refusal });
  navigate('/', { replace: true });
  return true;
}

/** What can be done with a message. Equal actions are the same object, so that a message is not rendered for them. */
const ACTIONS = [[], ['fork'], ['regenerate'], ['regenerate', 'fork']];

/** Draft that the message box of a session begins with: text, attachments, and a number that makes a new box. */
function firstDraft(id) {
  const first = pendingSends.get(id);
  return first?.send === false ? { text: first.content, files: first.attachments, number: 0 } : { files: [], number: 0 };
}

export function Chat({ id, ability, sessions, me }) {
  const [draft, setDraft] = useState(() => firstDraft(id));
  const [conversation] = useState(() => new Conversation(id, { onSession: (session) => session.user_id === me.user.id && sessions.take(session), onGone: () => sessions.remove(id) }));
  useModel(conversation);
  const [forking, setForking] = useState(null);
  const [refusal, setRefusal] = useState(null);
  const transcript = useRef(null);
  const older = useRef(null);
  const { away, toEnd, onScroll } = useScroll(conversation, transcript, older);
  const send = async (content, attachments) => {
    setRefusal(null);
    const sent = conversation.submit(content, attachments);
    toEnd();
    // The message box is free again as soon as the server has taken the message; only a refusal is waited for.
    const error = await Promise.race([sent, conversation.accepted()]);
    if (error) setRefusal(error);
    return error;
  };
  // The conversation begins and ends with its view: the first message is sent also if the view is left at once.
  useLayoutEffect(() => {
    const first = pendingSends.get(id);
    pendingSends.delete(id);
    const leaveAsDraft = ({ content, attachments }) => {
      const later = drafts.get(id);
      const text = later ? `${content}\n\n${later}` : content;
      drafts.keep(id, text);
      setDraft((old) => ({ text, files: attachments, number: old.number + 1 }));
    };
    conversation.load().then(async () => {
      const earlier = conversation.session && !first && conversation.takeUnsent();
      if (earlier) leaveAsDraft(earlier);
      if (!first?.send) return;
      const error = await conversation.submit(first.content, first.attachments);
      if (!error || await takeBack(id, first, error, sessions)) return;
      setRefusal(error);
      leaveAsDraft(first);
    });
    return () => conversation.dispose();
  }, [conversation]);
  /** Moves the focus to the message box: a button that was pressed may no longer be there. */
  const toMessage = () => transcript.current?.closest('main').querySelector('textarea:enabled')?.focus({ preventScroll: true });
  const regenerate = () => {
    conversation.regenerate();
    toMessage();
    toEnd();
  };
  const { session, messages, running } = conversation;
  useLayoutEffect(() => {
    // A touch screen would show its keyboard over the conversation.
    if (session && matchMedia('(pointer: fine)').matches) toMessage();
  }, [session === null]);
  useEffect(() => {
    document.title = `${session?.title || t.sessions.untitled} · ${t.app.name}`;
  }, [session?.title]);

  if (!session) {
    return html`<main class="page" id="content" tabindex="-1" aria-busy=${conversation.error ? null : 'true'}><${Problem} error=${conversation.error} /></main>`;
  }
  const mayFork = can(ability, 'fork', 'Session', { ...session, created_at: session.started_at });
  const maySend = can(ability, 'create', 'Message', { session_id: session.id, session_state: 'active', user_id: session.user_id, group_id: session.group_id, role: 'user' });
  const lastAnswer = messages.findLast((message) => message.role === 'assistant');
  // The answer of a fork is a copy without a turn; a greeting answers nobody.
  const answered = messages.some((message) => message.role === 'user');
  const actionsOf = (message) => {
    if (running || conversation.isGone) return ACTIONS[0];
    const regenerates = maySend && message === lastAnswer && answered && session.state === 'active';
    return ACTIONS[(regenerates ? 2 : 0) + (mayFork ? 1 : 0)];
  };
  const reason = conversation.isGone ? t.chat.closed.gone : session.state !== 'active' ? t.chat.closed[session.state] : maySend ? null : t.chat.closed.foreign;
  return html`<main class="chat" id="content" tabindex="-1" aria-label=${t.chat.label}>
    <${ChatHeader} conversation=${conversation} session=${session} ability=${ability} sessions=${sessions} />
    <div class="transcript" ref=${transcript} tabindex="0" role="region" aria-label=${t.chat.transcript} onScroll=${onScroll}>
      <div class="column">
        ${conversation.hasOlder && html`<p class="older" ref=${older}><button type="button" class="quiet small" onClick=${() => conversation.loadOlder()}>${t.chat.older}</button></p>`}
        ${messages.length === 0 && html`<p class="empty">${t.chat.empty}</p>`}
        <ol class="messages">${messages.map((message) => html`<${Message} key=${message.key} message=${message} version=${message.version} actions=${actionsOf(message)} conversation=${conversation} onFork=${setForking} onRegenerate=${regenerate} />`)}</ol>
        <${Problem} error=${refusal ?? conversation.error} />
      </div>
    </div>
    <div class="column composer-column">
      ${away && html`<button type="button" class="to-end" aria-label=${t.chat.toEnd} onClick=${toEnd}><${Icon} name="down" /></button>`}
      ${!conversation.connected && html`<p class="composer-note warning">${t.chat.reconnecting}</p>`}
      <${Composer} key=${draft.number} name=${id} text=${draft.text} files=${draft.files} path=${conversation.path} refused=${refusal?.code} running=${Boolean(running)} stopping=${conversation.stopping} disabledReason=${reason} onSend=${send} onStop=${() => conversation.stop()} />
    </div>
    ${forking && html`<${ForkDialog} conversation=${conversation} message=${forking} sessions=${sessions} onClose=${() => setForking(null)} />`}
  </main>`;
}
