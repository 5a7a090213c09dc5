"use strict";
// Light or dark: what the system says until the button is pressed.
document.getElementById("theme").addEventListener("click", () => {
  const style = document.documentElement.style;
  const isDark = style.colorScheme
    ? style.colorScheme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  style.colorScheme = isDark ? "light" : "dark";
});
