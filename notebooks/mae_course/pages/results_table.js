// Gives each new table of arms on the page buttons for its groups and headings that sort. Without this it is a plain table.
for (const root of document.querySelectorAll(".mae-lite-table:not([data-live])")) {
  root.dataset.live = "";
  const body = root.querySelector("tbody");
  const rows = [...body.rows];
  const heads = [...root.querySelectorAll("thead th")];
  const make = (tag, style, properties) => Object.assign(document.createElement(tag), properties, { style });
  const plain = "font:inherit;color:inherit;background:none;cursor:pointer;";
  const status = make("div", "line-height:1.4;min-height:1.4em;margin:4px 0");
  status.setAttribute("role", "status");
  let group = "all";
  let order = ""; // in words

  const tell = () => {
    const seen = rows.filter((row) => !row.hidden).length;
    status.textContent = `${seen} of ${rows.length} rows${group === "all" ? "" : `, ${group} and the default`}${order}`;
  };
  const buttons = ["all", ...root.dataset.groups.split("|").filter((name) => name !== "default")].map((name) => {
    const button = make("button", `${plain}border:1px solid;border-radius:3px;padding:2px 8px`, { type: "button" });
    button.onclick = () => {
      group = name;
      for (const one of buttons) {
        one.setAttribute("aria-pressed", one === button);
        one.textContent = (one === button ? "✓ " : "") + one.dataset.name;
        one.style.fontWeight = one === button ? "bold" : "normal";
      }
      for (const row of rows) row.hidden = !["all", row.dataset.group].includes(name) && row.dataset.group !== "default";
      tell();
    };
    button.dataset.name = name;
    return button;
  });

  const key = (row, k) => row.cells[k].dataset.key;
  const before = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  heads.forEach((head, k) => {
    const title = head.textContent;
    const button = make("button", `${plain}border:0;padding:0;font-weight:bold;text-align:inherit;text-decoration:underline dotted`,
      { type: "button", textContent: title });
    const arrow = make("span", "", { textContent: "" });
    arrow.setAttribute("aria-hidden", "true"); // aria-sort says it
    button.onclick = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) {
        other.removeAttribute("aria-sort");
        other.querySelector("span").textContent = "";
      }
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      arrow.textContent = up ? " ▲" : " ▼";
      const full = rows.filter((row) => key(row, k) !== undefined);
      full.sort((a, b) => (up ? 1 : -1) * before(key(a, k), key(b, k)));
      body.append(...full, ...rows.filter((row) => key(row, k) === undefined));
      order = `, sorted by ${title}, ${up ? "smallest" : "largest"} first`;
      tell();
    };
    head.replaceChildren(button, arrow);
  });

  const bar = make("div", "display:flex;flex-wrap:wrap;gap:4px;margin:4px 0");
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "group of arms to show");
  bar.append(...buttons);
  root.prepend(bar, status);
  for (const control of root.querySelectorAll("button, [tabindex]")) // in JupyterLab: keys stay here
    control.setAttribute("data-lm-suppress-shortcuts", "true");
  buttons[0].click();
}
