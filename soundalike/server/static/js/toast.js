// Short messages at the edge of the window.

import { button, el, icon, iconButton } from "./dom.js";
import { isAborted, Problem } from "./api.js";
import { sentence } from "./words.js";

const SHOWN_MS = 5000;
const MOST = 3;
const place = document.getElementById("toasts");

/**
 * Show a message. `action`: {text, run}. An error stays until it is closed; what is
 * "busy" until the function that is returned is called.
 */
export function toast(text, { kind = "", detail = null, action = null } = {}) {
  const close = () => made.remove();
  const made = el(
    "div",
    { class: `toast ${kind}`, role: kind === "error" ? "alert" : null },
    icon({ error: "warning", busy: "refresh" }[kind] ?? "check"),
    el("div", { class: "toast-text" }, el("p", {}, text), detail && el("p", { class: "soft" }, detail)),
    action && button(action.text, () => { close(); action.run(); }, { kind: "quiet" }),
    iconButton("close", "Close the message", close),
  );
  place.append(made);
  while (place.children.length > MOST) place.firstElementChild.remove();
  if (kind === "") setTimeout(close, SHOWN_MS);
  return close;
}

/** Show what went wrong; nothing for a request that was given up. */
export function showProblem(error) {
  // Signing in is offered, and that the server is gone is said already.
  if (isAborted(error) || error?.status === 401 || error?.status === 0) return;
  if (error instanceof Problem) {
    const again = error.retryAfter ? `Try again in ${error.retryAfter} s.` : null;
    toast(sentence(error.message), { kind: "error", detail: error.advice ? sentence(error.advice) : again });
  } else {
    console.error(error);
    toast("Something in the page went wrong.", { kind: "error", detail: String(error?.message ?? error) });
  }
}

// Whatever nobody catches.
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  showProblem(event.reason);
});
