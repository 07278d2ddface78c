// What the browser keeps for us, where it may; without it, all works but is forgotten.

export function kept(key, fallback = null) {
  try {
    const text = localStorage.getItem(`soundalike.${key}`);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

export function keep(key, value) {
  try {
    localStorage.setItem(`soundalike.${key}`, JSON.stringify(value));
  } catch {
    // Full or forbidden.
  }
}
