// Light, dark, or as the system is; `early.js` has set it already when this runs.

const KEY = "soundalike.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** "light" or "dark": what is shown now. */
export const shown = () => document.documentElement.dataset.theme;

/** "light", "dark" or "auto": what was chosen. */
export const chosen = () => stored() ?? "auto";

function apply() {
  const theme = stored() ?? (system.matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--ground").trim();
  document.querySelector('meta[name="theme-color"]').content = ground;
  dispatchEvent(new CustomEvent("themechange", { detail: theme }));
}

/** Choose one of the three; canvases hear `themechange` on the window, and draw anew. */
export function choose(theme) {
  try {
    if (theme === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    document.documentElement.dataset.theme = theme === "auto" ? shown() : theme;
    return;
  }
  apply();
}

system.addEventListener("change", apply);
apply();
