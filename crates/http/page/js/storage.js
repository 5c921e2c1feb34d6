// Storage of this tab and of this browser, which may be full.

/** Stores a text, and returns true. A text that has no place takes an older one of its name away, which would be taken for it. */
export function store(storage, name, text) {
  try {
    storage.setItem(name, text);
    return true;
  } catch {
    storage.removeItem(name);
    return false;
  }
}
