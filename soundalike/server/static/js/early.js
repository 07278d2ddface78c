// Before anything is painted, so that no theme flashes: no module, since modules wait for the page.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("soundalike.theme");
  } catch {
    // Storage is forbidden: the system's theme it is.
  }
  const isDark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
})();
