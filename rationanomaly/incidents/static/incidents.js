// In a list, j and k move from row to row; Enter opens one, as it does with any link. All else is review.js.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !["j", "k"].includes(event.key)) return;
  if (event.target.closest("input, textarea, select")) return;
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  event.preventDefault();
  const here = rows.indexOf(document.activeElement);
  const step = event.key === "j" ? 1 : here < 0 ? 0 : -1;
  rows[(here + step + rows.length) % rows.length].focus();
});
