// Keys press the button that names them; everything else is htmx and forms.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const writing = event.target.closest("input, textarea, select");
  if (writing) {
    if (event.key === "Escape") writing.blur();
    return;
  }
  const key = CSS.escape(event.key);
  const field = document.querySelector(`[data-focus="${key}"]`);
  if (field) {
    event.preventDefault();
    field.focus();
    return;
  }
  const control = document.querySelector(`[data-key="${key}"]`);
  if (control) {
    event.preventDefault();
    control.click();
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-toggle]");
  if (!button) return;
  const panel = document.getElementById(button.dataset.toggle);
  panel.hidden = !panel.hidden;
  button.setAttribute("aria-expanded", String(!panel.hidden));
});

// Not `autofocus`: the browser would try again a frame after htmx has done it, and complain.
document.addEventListener("htmx:load", (event) => event.detail.elt.querySelector("[data-first]")?.focus());

// A decision that could not be sent must not look as if it was taken.
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    const lost = event.detail.requestConfig.verb === "post";
    const message = document.querySelector("[role=alert]") || document.createElement("p");
    message.className = "message";
    message.setAttribute("role", "alert");
    if (lost || !message.textContent) {
      message.textContent = (lost ? "NOT STORED: " : "") + "the server did not answer. Start it again and repeat the last step.";
    }
    document.querySelector("main").prepend(message);
  });
}
