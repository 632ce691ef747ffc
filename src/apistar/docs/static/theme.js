// Runs before the page is drawn, so that a chosen theme never flashes: the choice, or what the system prefers.
"use strict";

(() => {
  const KEY = "apistar-theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (localStorage.getItem(KEY) ?? (system.matches ? "dark" : "light")) === "dark";

  function show() {
    root.dataset.theme = dark() ? "dark" : "light";
    const button = document.getElementById("theme");
    if (button) button.textContent = dark() ? "Light" : "Dark";
  }

  show();
  system.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      localStorage.setItem(KEY, dark() ? "light" : "dark");
      show();
    });
  });
})();
