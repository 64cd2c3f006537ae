// What the scripts of all pages share; each is run in a block of its own, with this before it.
const fresh = (name) => { // those that kept their script: a notebook that is not trusted loses it
  const found = [...document.querySelectorAll(`.mae-lite-${name}:not([data-live])`)].filter((root) => root.querySelector("script"));
  for (const root of found) root.dataset.live = "";
  return found;
};
const dataOf = (root) => JSON.parse(root.querySelector("script[type='application/json']").textContent);
const make = (tag, style, properties = {}, ...inside) => {
  const { role, label, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest, { style });
  if (role) element.setAttribute("role", role);
  if (label) element.setAttribute("aria-label", label);
  element.append(...inside);
  return element;
};
const BUTTON = "font:inherit;color:inherit;background:none;border:1px solid;border-radius:3px;padding:2px 8px;cursor:pointer";
const keepKeys = (controls) => { // in JupyterLab: keys are for the control, not from cell to cell
  for (const control of controls) control.setAttribute("data-lm-suppress-shortcuts", "true");
};
const choice = (label, names, choose) => { // a row of buttons of which one is pressed, the first to begin with
  const buttons = names.map((name) => make("button", BUTTON, { type: "button", onclick: () => {
    buttons.forEach((one, k) => {
      const on = names[k] === name;
      one.setAttribute("aria-pressed", on);
      one.textContent = (on ? "✓ " : "") + names[k];
      one.style.fontWeight = on ? "bold" : "normal";
    });
    choose(name);
  } }));
  const look = "display:flex;flex-wrap:wrap;gap:4px;margin:4px 0;align-items:baseline";
  return [make("div", look, { role: "group", label }, ...buttons), buttons[0]];
};
