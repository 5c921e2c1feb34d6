// Addresses in texts of models and users: which of them become links, and what a link says about its target.

const SCHEMES = new Set(['http:', 'https:', 'mailto:']);

/** Returns the target of a link, or null if the address is not one that a link may have. */
export function linkTarget(href) {
  let url;
  try {
    url = new URL(String(href).trim());
  } catch {
    return null;
  }
  if (!SCHEMES.has(url.protocol) || url.username || url.password) return null;
  return url.protocol === 'mailto:' ? { href: url.href, host: url.pathname } : { href: url.href, host: url.host };
}

const RASTER = /^data:image\/(?:png|jpeg|gif|webp|avif);base64,[A-Za-z0-9+/]+={0,2}$/;

/** True for an image that is stored in the message itself and has no markup. */
export const isStoredImage = (url) => typeof url === 'string' && RASTER.test(url);
