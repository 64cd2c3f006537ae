// Gives each new claim board on the page two rows of buttons, by topic and by our run. Without this all cards are shown.
for (const root of fresh("board")) {
  const cards = [...root.querySelectorAll("[data-topic]")];
  const chosen = { topic: "all", status: "all" };
  const told = make("div", "line-height:1.4;min-height:1.4em;margin:4px 0", { role: "status" });

  const show = () => {
    for (const card of cards) {
      card.hidden = !Object.entries(chosen).every(([kind, name]) => ["all", card.dataset[kind]].includes(name));
    }
    const seen = cards.filter((card) => !card.hidden).length;
    const words = Object.values(chosen).filter((name) => name !== "all");
    told.textContent = [`${seen} of ${cards.length} claims`, ...words].join(", ");
  };

  const rows = Object.entries({ topic: "topic", status: "our run" }).map(([kind, title]) => {
    const names = ["all", ...new Set(cards.map((card) => card.dataset[kind]))];
    const row = choice(`claims to show, by ${title}`, names, (name) => { chosen[kind] = name; show(); });
    row[0].prepend(make("span", "min-width:4.5em", { textContent: title }));
    return row;
  });

  root.prepend(...rows.map(([bar]) => bar), told);
  keepKeys(root.querySelectorAll("button, [tabindex]"));
  for (const [, first] of rows) first.click();
}
