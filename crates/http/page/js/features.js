// Features that only some versions of the server offer, read once per tab from the description of its API.

const STORAGE = 'causerie.features';
const ROUTES = {
  regenerate: '/sessions/{id}/regenerate',
  quote: '/sessions/{id}/quote',
  abilities: '/users/{id}/abilities',
};

/** Returns the offered features as an object of booleans. */
export async function loadFeatures() {
  const stored = sessionStorage.getItem(STORAGE);
  if (stored) return JSON.parse(stored);
  try {
    const { paths } = await (await fetch('/openapi.json', { credentials: 'omit' })).json();
    const features = Object.fromEntries(Object.entries(ROUTES).map(([name, route]) => [name, route in paths]));
    sessionStorage.setItem(STORAGE, JSON.stringify(features));
    return features;
  } catch {
    return {};
  }
}
