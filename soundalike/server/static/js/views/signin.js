// Signing in with the token that `soundalike serve` printed.

import * as api from "../api.js";
import { el, fill } from "../dom.js";
import { navigate } from "../navigation.js";
import { sentence } from "../words.js";

export async function show(view) {
  const field = el("input", { class: "field", id: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false", "aria-describedby": "token-help" });
  const wrong = el("p", { class: "bad", role: "alert" });
  const target = view.query.get("to") ?? "/";
  const form = el(
    "form",
    {
      class: "sign-in card",
      onsubmit: async (event) => {
        event.preventDefault();
        wrong.textContent = "";
        try {
          await api.signIn(field.value.trim());
          // A path of this page alone, whatever the URL says.
          const to = new URL(target, location.origin);
          navigate(to.origin === location.origin ? to.pathname + to.search : "/", { replace: true });
        } catch (error) {
          wrong.textContent = error.status === 401 ? "That is not the token of this server." : sentence(error.message);
          field.select();
        }
      },
    },
    el("h1", {}, "Sign in"),
    el("label", { for: "token" }, "Token"),
    field,
    el("p", { class: "small soft", id: "token-help" }, el("code", {}, "soundalike serve"), " printed it when it was started first; ", el("code", {}, "--new-token"), " makes another."),
    wrong,
    el("button", { type: "submit", class: "button primary" }, "Sign in"),
  );
  fill(view.root, form);
  field.focus();
}
