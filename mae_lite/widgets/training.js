// The page of a training. Python sends the curve, the pictures and a line of text; the page sends one word: stop.

const PATIENCE = 6000; // milliseconds until an unanswered Stop explains itself
const UNANSWERED =
  "No answer yet: this page cannot reach a busy kernel. Use the notebook's interrupt button (■); the model stays usable.";

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const picture = h("img"), curve = h("div", { class: "curve" }), status = h("span", { class: "status" });
  const keys = { "data-lm-suppress-shortcuts": "true" }; // else JupyterLab takes Enter for itself
  const stop = h("button", { type: "button", ...keys }, "Stop"), live = h("p", { class: "unseen", "aria-live": "polite" });
  const names = get("names").map((name) => h("span", {}, name)), rows = get("rows").map((row) => h("span", {}, row));
  const sheet = h("div", { class: "sheet" },
    h("div", { class: "rows", "aria-hidden": "true" }, ...rows),
    h("figure", {}, h("div", { class: "names", "aria-hidden": "true" }, ...names), picture));
  const panels = h("div", { class: "panels" },
    h("div", {}, h("div", { class: "title" }, "loss on hidden patches"), curve), sheet);
  el.append(h("div", { class: "mae-lite-training" }, h("div", { class: "bar" }, stop, status), panels, live));

  let waiting = 0;
  stop.addEventListener("click", () => {
    if (stop.ariaDisabled === "true") return;
    model.send({ do: "stop" });
    stop.ariaDisabled = "true"; // not disabled, which would lose the focus
    stop.textContent = "Stopping…";
    waiting = setTimeout(() => (live.textContent = status.textContent = UNANSWERED), PATIENCE);
  });

  function showPictures() {
    const old = picture.src;
    picture.src = URL.createObjectURL(new Blob([get("pictures")], { type: "image/webp" }));
    if (old) picture.addEventListener("load", () => URL.revokeObjectURL(old), { once: true });
    picture.alt = get("alt");
  }
  function showRunning() {
    if (get("running")) return;
    clearTimeout(waiting);
    stop.ariaDisabled = "true";
    stop.textContent = "Ended";
  }
  const shown = {
    pictures: showPictures,
    curve: () => (curve.innerHTML = get("curve")),
    status: () => (status.textContent = get("status")),
    said: () => (live.textContent = get("said")),
    running: showRunning,
  };
  for (const [name, show] of Object.entries(shown)) {
    show();
    model.on(`change:${name}`, show);
  }
  return () => {
    clearTimeout(waiting);
    for (const [name, show] of Object.entries(shown)) model.off(`change:${name}`, show);
  };
}

export default { render };
