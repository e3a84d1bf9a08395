// Runs before the first paint, so that a chosen theme does not flash. Not a module.
(() => {
  try {
    const theme = localStorage.getItem("daybook-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // A browser that keeps nothing gets the system's theme.
  }
})();
