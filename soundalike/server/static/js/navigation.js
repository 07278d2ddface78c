// Going to a URL of the page; `main.js` listens, and shows the view that it means.

/** Go to a view. `replace`: the present one does not stay in the history. */
export function navigate(path, { replace = false, state = {} } = {}) {
  dispatchEvent(new CustomEvent("navigate", { detail: { path, replace, state } }));
}

/** Where a passage of a track is searched for. */
export const passagePath = (trackId, from, to) => `/track/${trackId}?from=${from.toFixed(1)}&to=${to.toFixed(1)}`;

/** The URL says something new about the same view: nothing is shown anew. */
export function rewrite(path) {
  history.replaceState(history.state, "", path);
}

/** A link's address is one of the page's own, to be opened here. */
export function isOwnClick(event) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
  const link = event.target.closest?.("a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return null;
  if (/^\/(api|static|rest|metrics)(\/|$)/.test(link.pathname) || (link.hash && link.pathname === location.pathname)) return null;
  return link.pathname + link.search;
}
