// Features that only some versions of the server offer, read once from the description of its API.

const ROUTES = {
  regenerate: '/sessions/{id}/regenerate',
  quote: '/sessions/{id}/quote',
  abilities: '/users/{id}/abilities',
};

let loading = null;

async function load() {
  const { paths } = await (await fetch('/openapi.json', { credentials: 'omit' })).json();
  return Object.fromEntries(Object.entries(ROUTES).map(([name, route]) => [name, route in paths]));
}

/** Returns the offered features as an object of booleans. */
export function loadFeatures() {
  loading ??= load().catch(() => {
    loading = null;
    return {};
  });
  return loading;
}
