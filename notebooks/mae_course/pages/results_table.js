// Gives each new table of arms on the page buttons for its groups and headings that sort. Without this it is a plain table.
for (const root of fresh("table")) {
  const body = root.querySelector("tbody");
  const rows = [...body.rows];
  const heads = [...root.querySelectorAll("thead th")];
  const status = make("div", "line-height:1.4;min-height:1.4em;margin:4px 0", { role: "status" });
  let group = "all";
  let order = ""; // in words

  const tell = () => {
    const seen = rows.filter((row) => !row.hidden).length;
    status.textContent = `${seen} of ${rows.length} rows${group === "all" ? "" : `, ${group} and the default`}${order}`;
  };
  const names = ["all", ...root.dataset.groups.split("|").filter((name) => name !== "default")];
  const [bar, first] = choice("group of arms to show", names, (name) => {
    group = name;
    for (const row of rows) row.hidden = !["all", row.dataset.group].includes(name) && row.dataset.group !== "default";
    tell();
  });

  const key = (row, k) => row.cells[k].dataset.key;
  const before = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  heads.forEach((head, k) => {
    const title = head.textContent;
    const look = `${BUTTON};border:0;padding:0;font-weight:bold;text-align:inherit;text-decoration:underline dotted`;
    const button = make("button", look, { type: "button", textContent: title });
    const arrow = make("span", "");
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

  root.prepend(bar, status);
  keepKeys(root.querySelectorAll("button, [tabindex]"));
  first.click();
}
