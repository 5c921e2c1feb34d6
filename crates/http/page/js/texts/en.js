// English texts of the page.

const plural = (number, one, many) => `${number} ${Number(String(number).replaceAll(/\D/g, '')) === 1 ? one : many}`;

export default {
  app: { name: 'Causerie', skip: 'Skip to the content', menu: 'Menu', sidebar: 'Sessions and navigation', navigation: 'Views' },
  actions: {
    cancel: 'Cancel', close: 'Close', copied: 'Copied', copy: 'Copy', copyFailed: 'Copying is not allowed here', delete: 'Delete', done: 'Done',
    edit: 'Edit', fork: 'Fork', regenerate: 'Regenerate', remove: 'Remove', retry: 'Try again', save: 'Save', saved: 'Saved',
  },
  theme: { label: 'Color scheme', system: 'System', light: 'Light', dark: 'Dark' },
  format: { now: 'now' },
  names: { you: (name) => `${name} (you)`, nobody: 'Removed user', none: 'None', noGroup: 'No group', noTool: 'No tool' },
  roles: { user: 'User', admin: 'Administrator', group_admin: 'Group administrator' },
  groupRoles: { member: 'Member', admin: 'Group administrator' },
  basis: { reported: 'reported', looked_up: 'looked up', calculated: 'calculated', estimated: 'estimated', pending: 'provisional', unknown: 'unknown' },
  basisHelp: {
    reported: 'Reported by the provider with the answer', looked_up: 'Read from the provider’s record', calculated: 'Calculated from tokens and prices',
    estimated: 'Estimated from the length of the text', pending: 'Provisional until the provider’s record is read', unknown: 'The cost is not known',
  },
  signIn: {
    title: 'Sign in', lead: 'Conversations with the tools of your organization: stored, resumable, and accounted to the cent.', key: 'API key',
    hint: 'The key stays in this tab and ends with it.', action: 'Sign in', out: 'Sign out', signedOut: 'Signed out',
    codeInvalid: 'This address does not sign in any more: it works once, within ten minutes after the first start. Paste an API key.',
    codeRemote: 'This address signs in only on the machine of the server, without a proxy. Paste an API key.',
  },
  sessions: {
    title: 'Sessions', create: 'New session', filter: 'Show sessions', filters: { '': 'All', active: 'Active', paused: 'Paused', completed: 'Completed' },
    empty: 'Your sessions will be listed here.', untitled: 'Untitled session', running: 'answering', states: { active: 'Active', paused: 'Paused', completed: 'Completed' },
    actions: 'Session actions', rename: 'Rename', name: 'Title', pause: 'Pause', resume: 'Resume', complete: 'Complete',
    completeText: 'A completed session is kept for reading and takes no further messages.', delete: 'Delete session',
    deleteText: (name) => `“${name}” will no longer be listed. Its cost stays in the reports.`,
  },
  newSession: { title: (name) => `What is on your mind, ${name}?`, lead: 'Choose a tool and write the first message.', noTools: 'There is no tool that you may use.', tools: 'Tools', tool: 'Tool' },
  composer: { label: 'Write a message', message: 'Message', placeholder: 'Write a message …', send: 'Send', stop: 'Stop' },
  attach: {
    open: 'Attach by address', title: 'Attach by address', action: 'Attach', address: 'Address', hint: 'The provider of the model fetches the file; this page does not load it.',
    name: 'File name', type: 'Media type', typeHint: 'image/png', list: 'Attachments', remove: (name) => `Remove ${name}`,
  },
  quote: {
    summary: (tokens, expected, most) => `About ${tokens} input tokens${expected ? `, ${expected} expected` : ''}${most ? `, ${most} at most` : ', at a price that is not known'}.`,
    refused: (reason) => `This would not be sent: ${reason}`,
  },
  chat: {
    label: 'Conversation', transcript: 'Messages', you: 'You', answer: 'Answer', older: 'Earlier messages', empty: 'Nothing has been said yet.', toEnd: 'Go to the latest message',
    thinking: 'Thinking …', reasoning: 'Reasoning', waiting: 'Waiting for the answer', generatedImage: 'Generated image', file: (type) => `File (${type})`,
    noPrice: 'price unknown', withheld: 'not sent to the model again', superseded: 'replaced by a later answer', answeredBy: (source) => `answered by the ${source}`,
    dropped: (number) => `${plural(number, 'earlier message was', 'earlier messages were')} left out to fit the context.`,
    totals: (messages, tokens) => `${plural(messages, 'message', 'messages')} · ${tokens} tokens`,
    reconnecting: 'The connection is lost. Trying again …', reconnected: 'Connected again',
    retryable: 'Sending it again may help.', retryAfter: (seconds) => `Sending it again may help after ${plural(seconds, 'second', 'seconds')}.`,
    ended: { completed: 'The answer is complete', cancelled: 'Stopped.', interrupted: 'A stop of the server interrupted this answer.', failed: 'The answer failed.', pending: 'The answer is complete' },
    closed: { paused: 'This session is paused. Resume it to go on.', completed: 'This session is completed.' },
  },
  facts: {
    open: 'Details', title: (seq) => `Details of message ${seq}`, model: 'Model', time: 'Time', tokens: 'Tokens', tokenCounts: (input, output) => `${input} in, ${output} out`, cached: 'From cache', saved: 'Saved by cache',
    reasoning: 'Reasoning tokens', cost: 'Cost', basis: 'Basis', latency: 'Time to the end', milliseconds: (number) => `${number} ms`, finish: 'Finish reason', generation: 'Generation',
    context: 'Context', contextCounts: (sent, dropped, tokens) => `${sent} messages sent, ${dropped} left out, about ${tokens} tokens`,
  },
  fork: {
    title: 'Fork the session here', text: 'A new session begins with the messages up to this one. The original stays as it is.', show: 'Forks and origin', lineage: 'Forks and origin',
    from: (seq) => `from message ${seq}`, isFork: (seq) => `forked from message ${seq}`, forks: (number) => plural(number, 'fork', 'forks'), none: 'It has no forks.',
  },
  markdown: { code: 'Code', image: (alt) => (alt ? `Image: ${alt}` : 'Image'), table: 'Table', done: 'Done', open: 'Open' },
  lists: { empty: 'Nothing here.', loading: 'Loading …', more: 'Show more', actions: 'Actions' },
  errors: {
    network: 'The server cannot be reached.', place: (line, column) => `Line ${line}${column ? `, column ${column}` : ''}:`, reason: (reason) => `Reason: ${reason.replaceAll('_', ' ')}`, request: (id) => `Request ${id}`,
    codes: {
      unauthenticated: () => 'This key is not valid, or no longer valid.',
      turn_in_progress: () => 'Another answer of this session is still being written.',
      budget_exceeded: (problem) => `The budget does not allow this${problem.left ? `: $${problem.left} of $${problem.limit} are left this ${problem.period}` : ''}.`,
      rate_limited: (problem) => `Too many messages${problem.retry_after ? `. Try again in ${plural(problem.retry_after, 'second', 'seconds')}` : ''}.`,
      shutting_down: () => 'The server is being restarted. Try again in a moment.',
      not_found: () => 'This does not exist, or is not visible to you.',
      session_not_active: () => 'This session takes no messages.',
    },
  },
  usage: {
    title: 'Usage', zone: (zone) => `Days in the time zone ${zone}`, range: 'Range', from: 'From', to: 'To', csv: 'Download CSV',
    ranges: { today: 'Today', week: 'Last 7 days', days30: 'Last 30 days', month: 'This month', lastMonth: 'Last month', year: 'Last 365 days', custom: 'Other days' },
    perDay: 'Cost per day', chart: 'Bar chart of the cost per day. The table below has the same numbers.', asTable: 'Show as a table', readout: (day, cost) => `${day}: $${cost}`,
    day: 'Day', cost: 'Cost', requests: 'Requests', tokens: 'Tokens', input: 'Input tokens', output: 'Output tokens', cached: 'From cache', saved: 'Saved', drift: 'Drift',
    by: { model: 'Model', tool: 'Tool', user: 'User', group: 'Group' }, byTitle: { model: 'By model', tool: 'By tool', user: 'By user', group: 'By group' },
    none: 'No requests in this range.', withoutCost: (number) => `${plural(number, 'request', 'requests')} without a cost`,
  },
  account: {
    title: 'Account', profile: 'Profile', email: 'E-mail', role: 'Roles', since: 'Since', name: 'Name', locale: 'Language', groups: 'Groups', noGroups: 'You are in no group.',
    invited: (role, time) => `invited as ${role.toLowerCase()}, ${time}`, accept: 'Accept', decline: 'Decline', leave: 'Leave',
  },
  budgets: {
    title: 'Budgets', one: 'Budget', none: 'No budget limits your messages.', own: 'Yours', group: (name) => `Group ${name}`, key: 'This API key', of: (name) => `Budget of ${name}`,
    period: { day: 'per day', month: 'per month' }, periodLabel: 'Period', limit: 'Limit in US dollars', remove: 'Remove the budget', absent: 'There is no budget yet.',
    left: (left, limit) => `${left} of ${limit} left`, resets: (time) => `full again ${time}`,
    state: (spent, reserved, left, resets) => `${spent} spent, ${reserved} reserved, ${left} left. Full again ${resets}.`,
  },
  keys: {
    own: 'API keys', all: 'API keys of all users', create: 'Create key', name: 'Name', user: 'User', userHint: 'Id of the user; empty for yourself.', state: 'State', group: 'Group', scopes: 'Scopes', scopesHint: 'Separated by commas. Empty: everything that you may do.',
    allScopes: 'all', used: 'Last used', never: 'never', expiry: 'Valid for', expiries: { 30: '30 days', 90: '90 days', 365: 'One year', 0: 'No end' }, until: (time) => `until ${time}`,
    states: { valid: 'Valid', expired: 'Expired', revoked: 'Revoked' }, created: 'The new key', createdText: 'Copy it now. It is shown only this once.',
    revoke: 'Revoke', revokeNamed: (name) => `Revoke ${name}`, revokeText: (name) => `Programs that use “${name}” will be refused at once. This cannot be undone.`, none: 'No keys yet.',
  },
  administration: { title: 'Administration', sections: 'Sections', nothing: 'There is nothing that you may administer.', users: 'Users', groups: 'Groups', keys: 'Keys', models: 'Models', tools: 'Tools', audit: 'Audit' },
  users: {
    create: 'New user', edit: (name) => `Edit ${name}`, name: 'Name', email: 'E-mail', role: 'Role', status: 'Status', states: { active: 'Active', disabled: 'Disabled' }, groups: 'Groups', since: 'Since',
    actions: (name) => `Actions for ${name}`, remove: 'Delete user', removeText: (name) => `${name} will be signed out and removed. The costs stay in the reports.`,
  },
  groups: {
    create: 'New group', edit: (name) => `Edit ${name}`, name: 'Name', limit: 'Messages per minute', limitHint: 'Empty: the limit of the installation.', none: 'No groups yet.', members: 'Members', membersOf: (name) => `Members of ${name}`,
    noMembers: 'No members yet.', invitations: 'Invitations', invite: 'Add member', withdraw: (email) => `Withdraw the invitation of ${email}`, withdrawShort: 'Withdraw', roleOf: (name) => `Role of ${name}`, removeMember: (name) => `Remove ${name}`,
    actions: (name) => `Actions for ${name}`, remove: 'Delete group', removeText: (name) => `“${name}” will be deleted. Its members stay users.`,
  },
  models: {
    sync: 'Synchronize', synced: (number) => `${number} models`, note: 'Prices in US dollars per million tokens.', filter: 'Search models', none: 'No model matches.', name: 'Model', context: 'Context', input: 'Input', cached: 'Cached', output: 'Output',
    enabled: 'Enabled', restricted: 'Restricted', group: 'Group', toggles: { enabled: (name) => `${name} enabled`, restricted: (name) => `${name} restricted` },
  },
  tools: {
    new: 'Post a tool', post: 'Post', definition: 'Definition (YAML)', hint: 'A changed definition needs a new version.', posted: (slug, version) => `${slug} ${version} is stored`, title: 'Tool', version: 'Version', versions: 'Versions', versionsOf: (slug) => `Versions of ${slug}`,
    owner: 'Owner', file: 'file of the installation', enabled: 'Enabled', disabled: 'Disabled', disable: 'Disable', disableNamed: (slug) => `Disable ${slug}`, disableText: (slug) => `Nobody can use “${slug}” any more. Its sessions and costs stay.`,
  },
  rules: {
    title: 'Stored rules', effective: 'Effective rules', of: (name) => `Rules of ${name}`, json: 'Rules (JSON)', hint: 'The last rule that matches decides.', abilities: (name) => `What ${name} may do`, can: 'can', cannot: 'cannot',
    layers: { user: 'every user', group_admin: 'group administrators', admin: 'administrators', group_rules: 'rules of a group', user_rules: 'rules of the user', guard: 'guard' },
    check: 'Check', action: 'Action', subject: 'Subject', object: 'Id or fields (optional)', objectExample: '{"user_id": "…"}', allowed: 'Allowed', refused: 'Refused',
    by: (number, layer) => (number > 0 ? `by rule ${number}${layer ? `, ${layer}` : ''}.` : ': no rule matches.'),
    invalid: (cause) => `The fields are not valid JSON: ${cause}`, unknown: (type, id) => `There is no ${type} ${id} that you may see.`, jsonOnly: (type) => `Write the fields of the ${type} as JSON.`,
  },
  audit: { events: 'Events', sessions: 'Sessions', sessionsNote: 'Never titles or texts.', time: 'Time', actor: 'Who', action: 'What', subject: 'On', detail: 'Details', server: 'the server' },
};
