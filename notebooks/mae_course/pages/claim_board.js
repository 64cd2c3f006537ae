// Gives each new claim board on the page two rows of buttons, by topic and by our run. Without this all cards are shown.
for (const root of document.querySelectorAll(".mae-lite-board:not([data-live])")) {
  root.dataset.live = "";
  const cards = [...root.querySelectorAll("[data-topic]")];
  const make = (tag, style, properties) => Object.assign(document.createElement(tag), properties, { style });
  const chosen = { topic: "all", status: "all" };
  const told = make("div", "line-height:1.4;min-height:1.4em;margin:4px 0");
  told.setAttribute("role", "status");

  const show = () => {
    for (const card of cards) {
      card.hidden = !Object.entries(chosen).every(([kind, name]) => ["all", card.dataset[kind]].includes(name));
    }
    const seen = cards.filter((card) => !card.hidden).length;
    const words = Object.values(chosen).filter((name) => name !== "all");
    told.textContent = [`${seen} of ${cards.length} claims`, ...words].join(", ");
  };

  const bars = Object.entries({ topic: "topic", status: "our run" }).map(([kind, title]) => {
    const bar = make("div", "display:flex;flex-wrap:wrap;gap:4px;margin:4px 0;align-items:baseline");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", `claims to show, by ${title}`);
    const names = ["all", ...new Set(cards.map((card) => card.dataset[kind]))];
    const buttons = names.map((name) => {
      const style = "font:inherit;color:inherit;background:none;cursor:pointer;border:1px solid;border-radius:3px;padding:2px 8px";
      const button = make("button", style, { type: "button" });
      button.onclick = () => {
        chosen[kind] = name;
        buttons.forEach((one, k) => {
          one.setAttribute("aria-pressed", one === button);
          one.textContent = (one === button ? "✓ " : "") + names[k];
          one.style.fontWeight = one === button ? "bold" : "normal";
        });
        show();
      };
      return button;
    });
    bar.append(make("span", "min-width:4.5em", { textContent: title }), ...buttons);
    return [bar, buttons];
  });

  root.prepend(...bars.map(([bar]) => bar), told);
  for (const control of root.querySelectorAll("button, [tabindex]")) // in JupyterLab: keys stay here
    control.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const [, buttons] of bars) buttons[0].click();
}
