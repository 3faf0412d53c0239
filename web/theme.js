// Sets the theme before the first paint, so that a page in the dark theme never flashes white.
// `data-theme` on <html> is "dark" or "light"; the choice is kept in localStorage under "theme" ("dark", "light", or
// absent: follow the system).
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // Storage may be switched off; the system's preference is then the theme.
  }
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const theme = chosen === "dark" || chosen === "light" ? chosen : system;
  document.documentElement.dataset.theme = theme;
  document.documentElement.style.colorScheme = theme;
})();
