// Colours: as the system has them, or as the reader chose. Runs before the first paint, so that nothing flashes.
(() => {
  const ORDER = ["auto", "dark", "light"];
  const NAMES = { auto: "as the system", dark: "dark", light: "light" };
  const root = document.documentElement;

  function stored() {
    try {
      const theme = localStorage.getItem("autoops-theme");
      return ORDER.includes(theme) ? theme : "auto";
    } catch {
      return "auto"; // storage is switched off
    }
  }

  function apply(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    root.dataset.themeChoice = theme;
  }

  window.autoops = {
    nextTheme(button) {
      const theme = ORDER[(ORDER.indexOf(root.dataset.themeChoice) + 1) % ORDER.length];
      try {
        localStorage.setItem("autoops-theme", theme);
      } catch {
        // it holds for this page
      }
      apply(theme);
      button.title = "Colours: " + NAMES[theme];
      button.setAttribute("aria-label", button.title);
    },
  };
  apply(stored());

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = document.querySelector("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    }
  });

  // A page's address changes as its filters do; going back to an earlier one shows it anew.
  window.addEventListener("popstate", () => location.reload());
})();
